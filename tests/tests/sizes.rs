//! Sizes as people write them, in settings and builders.

use daglite::{ByteSize, ErrorKind};
use proptest::prelude::*;

fn bytes(text: &str) -> u64 {
    text.parse::<ByteSize>().unwrap().bytes()
}

#[test]
fn sizes_are_read_with_units_of_a_thousand_and_of_1024() {
    assert_eq!(bytes("10GB"), 10_000_000_000);
    assert_eq!(bytes("512 MiB"), 512 << 20);
    assert_eq!(bytes("1.5 GB"), 1_500_000_000);
    assert_eq!(bytes("4096"), 4096);
    assert_eq!(bytes(" 2 kib "), 2048);
    assert_eq!(bytes("0.5KiB"), 512);
    assert_eq!(bytes("7 B"), 7);
    assert_eq!(bytes("1.000000000000000001 PB"), 1_000_000_000_000_000);
    assert_eq!(bytes("18446744073709551615"), u64::MAX);
}

#[test]
fn what_is_no_size_is_a_setting_that_says_what_is_expected() {
    for text in [
        "",
        "GB",
        "ten GB",
        "-1",
        "1,5 GB",
        "1.5.5 GB",
        "1. GB",
        ".5 GB",
        "10 G",
        "99999999999 PB",
        "1e9",
        "é",
    ] {
        let error = text.parse::<ByteSize>().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        let expected = format!(
            "`{text}` is not a size: write a number with a unit, such as `10GB`, `512 MiB` or `1.5 GB`, or a number \
             of bytes"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn sizes_are_shown_short() {
    for text in
        ["0 B", "999 B", "1 KiB", "10 GB", "512 MiB", "1.5 GB", "2.25 TB", "512 MB", "1.05 kB"]
    {
        assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
    }
    assert_eq!(ByteSize::new(1_234_567).to_string(), "1.23 MB");
    assert_eq!(ByteSize::new(u64::MAX).to_string(), "18446.74 PB");
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back_to_a_hundredth(size: u64) {
        let shown = ByteSize::new(size).to_string();
        let again = bytes(&shown);
        prop_assert!(again <= size && size - again <= size / 100 + 1, "{shown}");
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".{0,20}") {
        let _ = text.parse::<ByteSize>();
    }
}
