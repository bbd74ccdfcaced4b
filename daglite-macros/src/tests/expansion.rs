//! The code that `#[task]` writes, prettified.

use quote::quote;

use crate::compiled::Compiled;
use crate::expand_task;

/// What `#[task(attribute)]` makes of `item`, as a human would write it.
fn expanded(attribute: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> String {
    let tokens =
        expand_task(&Compiled { package: "my-package".to_string(), place: None }, attribute, item);
    prettyplease::unparse(&syn::parse2(tokens).expect("the expansion is a list of items"))
}

#[test]
fn a_plain_task_is_thin() {
    insta::assert_snapshot!(expanded(
        quote!(),
        quote! {
            /// Adds.
            pub fn add(a: u32, b: u32) -> u32 {
                a + b
            }
        }
    ));
}

#[test]
fn options_of_a_cached_task_become_data() {
    insta::assert_snapshot!(expanded(
        quote! {
            cache,
            cache_ttl = "1h30m",
            cache_exclude = [verbose],
            cache_hash_params(flights = sampled, window = registry, model = model_id),
            cache_version = "2",
            cache_env = ["TZ", "LANG"],
            name = "features"
        },
        quote! {
            #[allow(unused)]
            #[inline]
            pub(crate) fn features(
                flights: &[Flight],
                mut window: usize,
                model: &Model,
                verbose: bool,
            ) -> Result<Features, FitError> {
                fit(flights, window)
            }
        }
    ));
}

#[test]
fn one_function_hashes_all_arguments() {
    insta::assert_snapshot!(expanded(
        quote!(cache, cache_hash = self::summary, cache_exclude = [b], crate = crate::other),
        quote! {
            fn sum(a: &str, b: u32, c: u64) {}
        }
    ));
}

#[test]
fn an_async_task_boxes_its_future() {
    insta::assert_snapshot!(expanded(
        quote!(cache),
        quote! {
            async fn weather(station: String, path: &Path) -> io::Result<Weather> {
                fetch(station).await
            }
        }
    ));
}

#[test]
fn a_generic_task_carries_its_types() {
    insta::assert_snapshot!(expanded(
        quote!(cache),
        quote! {
            fn first<'a, T: Clone, const N: usize>(values: &'a [T; N]) -> T
            where
                T: Serialize,
            {
                values[0].clone()
            }
        }
    ));
}

#[test]
fn how_a_body_is_run_becomes_data() {
    insta::assert_snapshot!(expanded(
        quote!(
            retries = 3,
            retry_delay = "200ms",
            retry_if = passes,
            timeout = "30s",
            weight = 4,
            limits = ["db"]
        ),
        quote! {
            fn parse(text: String) -> Result<u32, ParseIntError> {
                text.parse()
            }
        }
    ));
}

#[test]
fn an_isolated_task_demands_formats() {
    insta::assert_snapshot!(expanded(
        quote!(isolate, isolate_memory = "2GB"),
        quote! {
            fn parse(text: &str, base: u32) -> Result<u32, ParseIntError> {
                u32::from_str_radix(text, base)
            }
        }
    ));
}

#[test]
fn how_a_body_is_run_is_not_in_its_fingerprint() {
    let fingerprint = |attribute| {
        let function = quote!(
            fn parse(text: String) -> Result<u32, ParseIntError> {
                text.parse()
            }
        );
        let text = expanded(attribute, function);
        let line = text.lines().find(|line| line.trim_start().starts_with("fingerprint: "));
        line.expect("a task has a fingerprint").to_string()
    };
    let plain = fingerprint(quote!(cache));
    for attribute in [
        quote!(cache, retries = 3),
        quote!(cache, retries = 4, retry_delay = "1s", retry_if = passes),
        quote!(cache, timeout = "30s"),
        quote!(cache, weight = 4, limits = ["db"]),
        quote!(cache, isolate, isolate_memory = "2GB"),
    ] {
        assert_eq!(fingerprint(attribute), plain);
    }
}

#[test]
fn a_refused_task_keeps_its_signature_and_its_body() {
    insta::assert_snapshot!(expanded(
        quote!(cache, cache_tll = "1h"),
        quote! {
            /// Docs.
            pub fn push(values: &mut Vec<u32>, value: u32, then: impl Fn(u32)) -> Result<u32, Full> {
                values.push(value);
                Ok(value)
            }
        }
    ));
}
