//! Sizes as people write them: `1.5 GB`, the same texts that the library reads.

/// The units, with their bytes.
const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("PB", 1_000_000_000_000_000),
    ("PiB", 1 << 50),
];

/// The most digits after the point that are read: more make no difference to any size.
const DECIMALS: usize = 18;

/// The bytes that `text` stands for, or what is wrong with it.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    read(text).ok_or_else(|| {
        format!(
            "`{text}` is not a size: write a number with a unit, such as `10GB`, `512 MiB` or `1.5 GB`"
        )
    })
}

fn read(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    let (whole, decimals) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, decimals)) => (whole, decimals),
        None => (number, ""),
    };
    if decimals.len() > DECIMALS {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(factor);
    let part = match decimals {
        "" => 0,
        _ => {
            let scale = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
            u128::from(decimals.parse::<u64>().ok()?) * u128::from(factor) / scale
        }
    };
    u64::try_from(whole + part).ok()
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_units_of_a_thousand_and_of_1024() {
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("512 mib"), Ok(512 << 20));
        assert_eq!(bytes("4096"), Ok(4096));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GB", "2 bananas", "1.GB", "-1GB", "99999999 PB", "1,5 GB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
