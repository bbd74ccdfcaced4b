//! Times as people write them: `1h30m`.

/// The units, with their milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// The milliseconds that `text` stands for, or what is wrong with it; `if_too_long` says what to do where it is too long.
pub(super) fn millis(text: &str, if_too_long: &str) -> Result<u64, String> {
    let mut total: u64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err("an empty time: write one, such as `1h30m`".to_owned());
    }
    while !rest.is_empty() {
        let number = take_while(&mut rest, |letter| letter.is_ascii_digit());
        if number.is_empty() {
            return Err(format!(
                "`{text}` is not a time: write numbers with units, such as `1h30m`"
            ));
        }
        let unit = take_while(&mut rest, |letter| !letter.is_ascii_digit());
        let factor = factor(text, number, unit)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| format!("`{text}` is too long: {if_too_long}"))?;
    }
    Ok(total)
}

/// The milliseconds of `unit`.
fn factor(text: &str, number: &str, unit: &str) -> Result<u64, String> {
    if let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return Ok(*factor);
    }
    Err(match unit {
        "" => format!(
            "`{number}` has no unit: write `{number}s` for seconds, or `ms`, `m`, `h`, `d`, `w`"
        ),
        "." | "," => format!("`{text}` has a fraction: write whole numbers, such as `1h30m`"),
        _ if unit.contains(char::is_whitespace) => {
            format!("`{text}` has white space: write it without, as in `1h30m`")
        }
        _ => format!("`{unit}` is not a unit of time: write `ms`, `s`, `m`, `h`, `d` or `w`"),
    })
}

/// Splits off the longest start whose letters all satisfy `belongs`.
fn take_while<'a>(rest: &mut &'a str, belongs: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
    let (start, end) = rest.split_at(end);
    *rest = end;
    start
}

#[cfg(test)]
mod tests {
    fn millis(text: &str) -> Result<u64, String> {
        super::millis(text, "drop it")
    }

    #[test]
    fn times_are_sums_of_their_parts() {
        assert_eq!(millis("0s"), Ok(0));
        assert_eq!(millis("200ms"), Ok(200));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("2d"), Ok(172_800_000));
        assert_eq!(millis("1w1d1h1m1s1ms"), Ok(694_861_001));
        assert_eq!(millis("18446744073709551615ms"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "h", "1", "1h30", "1.5h", "-1h", "1 h", "1h 30m", "1H", "1y", "é"] {
            assert!(millis(text).is_err(), "{text}");
        }
        assert!(millis("18446744073709551616ms").is_err());
        assert!(millis("18446744073709551615ms1ms").is_err());
        assert!(millis("99999999999999999w").is_err());
    }
}
