//! Every form of a text that is looked for: as it is, line by line, and as usual encoders write it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::Digest as _;

/// A line of a text is looked for on its own from this length on.
const LINE: usize = 8;
/// Shorter forms are in anything.
const SHORTEST: usize = 6;

/// The forms of a text, each with its name. Of base64 every digit that the text alone decides, wherever in a longer text
/// it stood.
pub fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let json = quoted(text);
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |name, form: String| {
        let form = form.into_bytes();
        // A text without anything to encode has one form where others have many.
        if !all.iter().any(|(_, known)| *known == form) && (name == "plain" || form.len() >= SHORTEST) {
            all.push((name, form));
        }
    };
    add("plain", text.trim().to_owned());
    // The first and the last line of every key are the same.
    let lines = text.lines().map(str::trim).filter(|line| line.len() >= LINE && !line.starts_with("-----"));
    lines.for_each(|line| add("line", line.to_owned()));
    add("json", json.clone());
    add("json twice", quoted(&json));
    add("json ascii", ascii(text));
    add("debug", format!("{text:?}").trim_matches('"').to_owned());
    add("html", text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"));
    add("shell", text.replace('\'', r"'\''"));
    for (keep, plus) in [("-._~", false), ("", false), ("-._*", true), ("-._~/:@!$&()*,;=", false)] {
        add("url", percent(text, keep, plus));
        add("url lower", percent(text, keep, plus).replace('+', "\0").to_lowercase().replace('\0', "+"));
    }
    add("hex", hex::encode(text));
    add("hex upper", hex::encode_upper(text));
    for lead in 0..3 {
        let shifted = [&[0; 2][..lead], text.as_bytes()].concat();
        let digits = (lead * 8).div_ceil(6)..shifted.len() * 8 / 6;
        add("base64", STANDARD_NO_PAD.encode(&shifted)[digits.clone()].to_owned());
        add("base64 url", URL_SAFE_NO_PAD.encode(&shifted)[digits].to_owned());
    }
    // Whoever has one can try out texts.
    add("sha256", hex::encode(sha2::Sha256::digest(text)));
    add("sha256 base64", STANDARD_NO_PAD.encode(sha2::Sha256::digest(text)));
    all
}

/// As a text of JSON, without the quotes.
fn quoted(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The same in ASCII alone, as Python writes it.
fn ascii(text: &str) -> String {
    let unit = |unit: u16| match char::from_u32(unit.into()).filter(char::is_ascii) {
        Some(c) => quoted(&c.to_string()),
        None => format!("\\u{unit:04x}"),
    };
    text.encode_utf16().map(unit).collect()
}

fn percent(text: &str, keep: &str, plus: bool) -> String {
    let one = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || keep.contains(c) => c.to_string(),
        ' ' if plus => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// What the search rests on: every form is in what an encoder makes of a longer text.
    #[test]
    fn every_form_is_in_what_encoders_make() {
        let text = "Pa55 <w>\"ör'd\\ & more\nand a second line";
        let forms = forms(text);
        let holds = |encoded: &str| {
            let found =
                forms.iter().any(|(_, form)| encoded.as_bytes().windows(form.len()).any(|window| window == form));
            assert!(found, "{encoded}");
        };
        holds(&format!("before {text} after"));
        holds(&format!("{:?}", format!("before {text}")));
        holds("only and a second line is left");
        holds(&serde_json::json!({ "key": text }).to_string());
        holds(&serde_json::json!({ "key": serde_json::json!({ "key": text }).to_string() }).to_string());
        holds(r#"Pa55 <w>\"\u00f6r'd\\ & more\nand a second line"#);
        holds("?q=Pa55%20%3Cw%3E%22%C3%B6r%27d%5C%20%26%20more%0Aand%20a%20second%20line&x");
        holds("?q=Pa55+%3Cw%3E%22%C3%B6r%27d%5C+%26+more%0Aand+a+second+line&x");
        for before in ["", "a", "ab", "abc", "abcd"] {
            for after in ["", "x", "xy", "xyz"] {
                let whole = format!("{before}{text}{after}");
                holds(&STANDARD.encode(&whole));
                holds(&URL_SAFE_NO_PAD.encode(&whole));
                holds(&hex::encode(&whole));
                holds(&hex::encode_upper(&whole));
            }
        }
        holds(&hex::encode(sha2::Sha256::digest(text)));
    }
}
