//! Sizes and durations as people write them: `512MiB`, `20s`.

/// A size in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, &'static str> {
    const RULE: &str = "a size is a whole number with its unit: `512MiB`; units are B, KiB, MiB and GiB";
    parse(text, &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]).ok_or(RULE)
}

/// A duration in milliseconds, as in `20s` or `5m`.
///
/// # Errors
/// The rule for such a text, where it does not follow it.
pub fn milliseconds(text: &str) -> Result<u64, &'static str> {
    const RULE: &str = "a duration is a whole number with its unit: `20s`; units are ms, s, m and h";
    parse(text, &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]).ok_or(RULE)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let number = number.trim_end();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(*factor).filter(|size| *size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("1 GiB"), Ok(1 << 30));
        assert_eq!(milliseconds("250ms"), Ok(250));
        assert_eq!(milliseconds("2m"), Ok(120_000));
        for text in
            ["", "MiB", "512", "512MB", "-1B", "0B", "1.5GiB", "99999999999999999999B", "18446744073709551615KiB"]
        {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert!(milliseconds("1d").is_err());
    }
}
