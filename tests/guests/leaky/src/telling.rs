//! Says a secret in lines: plain and in the forms of usual encoders, whole and split over writes.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a plugin prints is what is tested")]

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cofferdam_sdk::log::{self, Level};
use cofferdam_sdk::serde_json::Value;

/// In lines of every kind. `marker` is no secret, and stands in each of them.
pub(crate) fn lines(marker: &str, secret: &str) {
    log::debug(format!("{marker} debug: {secret}"));
    log::info(format!("{marker} info: {}", Value::from(secret)));
    log::warn(format!("{marker} warn: {secret:?}"));
    log::error(format!("{marker} error: {}", percent(secret)));
    log::write(Level::Warn, &format!("{marker} fields"), &[("value", secret), (secret, "name")]);
    log::write(Level::Warn, &format!("{marker} base64"), &[("value", &STANDARD.encode(secret))]);
    for lead in ["a", "ab", "abc"] {
        log::warn(format!("{marker} shifted: {}", URL_SAFE_NO_PAD.encode(format!("{lead}{secret}"))));
    }
    log::warn(format!("{marker} hex: {}", hex::encode(secret)));
    log::warn(format!("{marker} twice: {}", Value::from(Value::from(secret).to_string())));
    log::progress(format!("{marker} progress: {secret}"));
    split(marker, secret);
}

/// On stdout and stderr, where a line ends when the plugin pleases.
fn split(marker: &str, secret: &str) {
    let middle = secret.floor_char_boundary(secret.len() / 2);
    for part in [marker, " stdout: ", &secret[..middle], &secret[middle..], "\n"] {
        print!("{part}");
        let _ = std::io::stdout().flush();
    }
    for part in [marker, " stderr: ", &secret[..middle], &secret[middle..], "\n"] {
        eprint!("{part}");
    }
}

/// As URLs have it.
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}
