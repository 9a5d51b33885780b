//! Permissions as text, such as `0644`.

use cofferdam_sdk::prelude::*;

/// Reads permission bits.
pub(crate) fn parse(property: &str, text: &str) -> Result<u32, Error> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o777);
    mode.ok_or_else(|| {
        Error::invalid_input(format!("`{text}` is no permission; write one such as `0644`")).at(property)
    })
}

/// The text of the mode that was found: the one in the state where it means the same.
pub(crate) fn show(found: u32, known: &str) -> String {
    // A system without permissions reports none.
    let same = found == 0 || u32::from_str_radix(known, 8).is_ok_and(|known| known == found & 0o777);
    if same { known.to_owned() } else { format!("{:04o}", found & 0o777) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal() {
        assert_eq!(parse("p", "0644").expect("valid"), 0o644);
        assert_eq!(parse("p", "755").expect("valid"), 0o755);
        for wrong in ["", "0", "9999", "0888", "1777", "+644", "rw-r--r--", "00644"] {
            assert!(parse("p", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn equal_modes_keep_their_spelling() {
        assert_eq!(show(0o100_644, "644"), "644");
        assert_eq!(show(0o600, "0644"), "0600");
        assert_eq!(show(0, "0644"), "0644");
    }
}
