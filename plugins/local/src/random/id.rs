//! `random_id`: random bytes in several spellings.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cofferdam_sdk::prelude::*;

use super::Keepers;

/// A random identifier. Every change draws a new one.
#[properties]
pub(crate) struct Inputs {
    /// Number of random bytes.
    #[schemars(range(min = 1, max = 1024))]
    byte_length: u32,
    /// Put before every spelling except `id`.
    prefix: Option<String>,
    /// Any values; a change of one draws a new identifier.
    keepers: Keepers,
}

#[properties]
pub(crate) struct Outputs {
    /// In URL-safe base64, without the prefix.
    id: String,
    /// In hexadecimal, two digits a byte.
    hex: String,
    /// As a decimal number.
    dec: String,
    /// In URL-safe base64.
    b64_url: String,
    /// In base64.
    b64_std: String,
}

pub(crate) struct RandomId;

impl Resource for RandomId {
    const TYPE: &'static str = "random_id";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .identifier(["id"])
            .create_only(["byte_length", "prefix", "keepers"])
            .stable(["id", "hex", "dec", "b64_url", "b64_std"])
    }
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<RandomId>, Failure> {
    if !(1..=1024).contains(&inputs.byte_length) {
        return Err(Error::invalid_input("must be from 1 to 1024").at("byte_length").into());
    }
    let bytes = random::bytes(inputs.byte_length as usize);
    Ok(Write::done(spell(inputs.prefix.as_deref().unwrap_or_default(), &bytes)))
}

fn spell(prefix: &str, bytes: &[u8]) -> Outputs {
    Outputs {
        id: URL_SAFE_NO_PAD.encode(bytes),
        hex: format!("{prefix}{}", hex::encode(bytes)),
        dec: format!("{prefix}{}", decimal(bytes)),
        b64_url: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)),
        b64_std: format!("{prefix}{}", STANDARD.encode(bytes)),
    }
}

/// Bytes, the most significant first, as a decimal number of any size.
pub(crate) fn decimal(bytes: &[u8]) -> String {
    // Digits from the least significant on.
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            // A remainder of 10 fits.
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_number() {
        let outputs = spell("web-", &[0xff, 0x00, 0xfe, 0x01]);
        assert_eq!(outputs.id, "_wD-AQ");
        assert_eq!((&*outputs.hex, &*outputs.dec), ("web-ff00fe01", "web-4278255105"));
        assert_eq!((&*outputs.b64_url, &*outputs.b64_std), ("web-_wD-AQ", "web-/wD+AQ=="));
    }

    #[test]
    fn decimals_of_any_size() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0, 0]), "0");
        assert_eq!(decimal(&u128::MAX.to_be_bytes()), u128::MAX.to_string());
    }
}
