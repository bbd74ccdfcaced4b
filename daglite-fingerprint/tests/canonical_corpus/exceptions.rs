//! Where rustfmt changes what the code means, or what nobody but rustfmt writes: by name, each with its reason.

/// A function that one configuration may change: a part of the settings, the file, the function.
type Exception = (&'static str, &'static str, &'static str);

/// rustfmt breaks a string between a `\` and what it escapes (`\n` becomes `\`, a line end, and `n`): another string.
const BROKEN_ESCAPES: [Exception; 9] = [
    ("format_strings", "chrono/format/parse.rs", "tests::test_issue_1010"),
    ("format_strings", "chrono/format/parse.rs", "tests::test_parse_whitespace_and_literal"),
    ("format_strings", "csv/string_record.rs", "tests::trim_whitespace_only"),
    (
        "format_strings",
        "hyper/proto/h1/role.rs",
        "tests::test_client_request_encode_explicit_transfer_encoding_removes_content_length",
    ),
    ("format_strings", "object_store/azure/client.rs", "<AzureClient>::get_user_delegation_key"),
    ("format_strings", "object_store/azure/credential.rs", "string_to_sign"),
    ("format_strings", "object_store/azure/credential.rs", "string_to_sign_service_sas"),
    ("format_strings", "object_store/azure/credential.rs", "string_to_sign_user_delegation_sas"),
    ("format_strings", "object_store/gcp/credential.rs", "<GCSAuthorizer>::canonicalize_request"),
];

/// `use {::core::cell, …}`, which only rustfmt writes, and `syn` takes for no `use`.
const ABSOLUTE_IN_BRACES: [Exception; 1] =
    [("imports_granularity = \"One\"", "oddities of 2021", "absolute_import")];

/// Files that rustfmt turns into what is not Rust any more.
const UNREADABLE: [(&str, &str); 1] =
    [("indent_style", "clap_builder/output/textwrap/word_separators.rs")];

/// Whether the function may have another digest under these settings.
pub(crate) fn is_function(settings: &str, file: &str, path: &str) -> bool {
    let all = BROKEN_ESCAPES.iter().chain(&ABSOLUTE_IN_BRACES);
    all.into_iter().any(|(part, of, name)| settings.contains(part) && *of == file && *name == path)
}

/// Whether the file may be unreadable under these settings.
pub(crate) fn is_file(settings: &str, file: &str) -> bool {
    UNREADABLE.iter().any(|(part, of)| settings.contains(part) && *of == file)
}

/// Whether these settings make another program, or none, of a function with such tokens.
///
/// `(a, _, _)` becomes `(a, ..)`, which fits tuples of any length. Where the length decides what is called
/// (`collect_tuple` of itertools), the first has a meaning that the second has not.
pub(crate) fn is_tuple_of_wildcards(settings: &str, tokens: &str) -> bool {
    settings.contains("condense_wildcard_suffixes")
        && (tokens.contains("_ , _)") || tokens.contains("_ , _ ,)"))
}
