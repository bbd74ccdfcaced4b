//! Macros and derives that everybody knows, and what they do not do.

/// The macros of the standard library whose arguments are expressions.
pub(crate) const PLAIN_MACROS: [&str; 20] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// Derives that make nothing of documentation, and no items with names of their own: those of the standard library, of serde and of daglite.
pub(crate) const PLAIN_DERIVES: [&str; 12] = [
    "Clone",
    "ContentHash",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Serialize",
];
