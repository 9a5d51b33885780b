//! What holds for all secrets and all texts.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// Texts of the letters that markers and escapes are made of, so that they overlap.
const TANGLED: &str = r#"[()secrt\\"'%&+;=un0aA \n]{0,24}"#;

fn knowing(secrets: &[String]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn_text(secret));
    redactor
}

/// Whether a text shows a secret outside of the markers.
fn shows(text: &str, secret: &str) -> bool {
    text.split(SHOWN).any(|part| part.contains(secret))
}

fn percent(text: &str, space: &str) -> String {
    let encode = |mut out: String, byte: u8| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b' ' => out.push_str(space),
            _ => write!(out, "%{byte:02X}").expect("a string takes everything"),
        }
        out
    };
    text.bytes().fold(String::new(), encode)
}

fn ascii_json(text: &str) -> String {
    let mut out = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(byte)]),
            Ok(byte @ b' '..=b'~') => out.push(char::from(byte)),
            _ => write!(out, "\\u{unit:04x}").expect("a string takes everything"),
        }
    }
    out
}

/// A secret as encoders write it; `before` and `after` are encoded with it where that makes one text.
fn forms(secret: &str, before: &str, after: &str) -> Vec<String> {
    let whole = format!("{before}{secret}{after}");
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    vec![
        secret.to_owned(),
        Json::from(secret).to_string(),
        Json::from(Json::from(secret).to_string()).to_string(),
        ascii_json(secret),
        format!("{secret:?}"),
        percent(secret, "%20"),
        percent(secret, "+"),
        html,
        format!("'{}'", secret.replace('\'', r"'\''")),
        STANDARD.encode(&whole),
        STANDARD_NO_PAD.encode(&whole),
        URL_SAFE.encode(&whole),
        URL_SAFE_NO_PAD.encode(&whole),
        percent(&STANDARD.encode(&whole), "%20"),
        hex::encode(&whole),
        hex::encode_upper(&whole),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        TANGLED.prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(TANGLED, inner, 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

/// Every text of a JSON value, keys included.
fn texts(json: &Json, visit: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => visit(text),
        Json::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        Json::Object(entries) => entries.iter().for_each(|(key, value)| {
            visit(key);
            texts(value, visit);
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn no_form_of_a_secret_is_left(
        secret in r#"[!-~]([ -~\n\té߀😀]{6,40}|[ -~\n]{120,400})[!-~]"#,
        before in "[a-zA-Z0-9 :]{0,20}",
        after in "[a-zA-Z0-9 :]{0,20}",
    ) {
        prop_assume!(!SHOWN.contains(secret.as_str()));
        let redactor = knowing(std::slice::from_ref(&secret));
        for form in forms(&secret, &before, &after) {
            let redacted = redactor.redact(&format!("{before} {form} {after}"));
            prop_assert!(redacted.contains(SHOWN), "{form} stayed");
            prop_assert!(!shows(&redacted, &secret), "{redacted}");
            // What decodes to the secret is gone, not only its own letters.
            let left: usize = redacted.split(SHOWN).map(str::len).sum();
            prop_assert!(left <= 2 + 3 * (before.len() + after.len()) + 24, "{form} became {redacted}");
        }
    }

    #[test]
    fn no_secret_is_left_and_the_second_time_changes_nothing(
        secrets in prop::collection::vec(TANGLED, 0..8),
        texts in prop::collection::vec(TANGLED, 0..6),
    ) {
        let redactor = knowing(&secrets);
        let mixed: String = texts.iter().zip(secrets.iter().cycle()).map(|(text, secret)| format!("{text}{secret}")).collect();
        for text in texts.iter().chain([&mixed]) {
            let once = redactor.redact(text);
            for secret in secrets.iter().filter(|secret| pieces::is_sought(secret)) {
                prop_assert!(!shows(&once, secret), "{once}");
            }
            prop_assert_eq!(redactor.redact(&once), once);
        }
    }

    #[test]
    fn json_stays_json_and_holds_no_secret(secrets in prop::collection::vec(TANGLED, 0..6), json in json()) {
        let redactor = knowing(&secrets);
        let once = redactor.redact_json(json.clone());
        let mut shown = Vec::new();
        texts(&once, &mut |text| shown.push(text.to_owned()));
        for secret in secrets.iter().filter(|secret| pieces::is_sought(secret)) {
            prop_assert!(!shown.iter().any(|text| shows(text, secret)), "{once}");
        }
        let read: Json = serde_json::from_str(&once.to_string()).expect("still JSON");
        prop_assert_eq!(&read, &once);
        prop_assert_eq!(redactor.redact_json(once.clone()), once);
    }

    #[test]
    fn a_text_shown_in_parts_shows_no_secret(
        secret in "[a-c]{4,12}", text in "[a-c ]{0,80}", borders in prop::array::uniform2(0_usize..80),
    ) {
        let redactor = knowing(std::slice::from_ref(&secret));
        let [a, b] = borders.map(|border| border.min(text.len()));
        let part = a.min(b)..a.max(b);
        let whole = redactor.redact(&text);
        prop_assert!(!shows(&redactor.redact_part(&text, part.clone()), &secret));
        prop_assert_eq!(redactor.redact_part(&text, 0..text.len()), whole.clone());
        // All that a start shows, the whole shows too: at its end the marker may stand early.
        let start = redactor.redact_start(&text, part.end);
        prop_assert!(whole.starts_with(start.trim_end_matches(SHOWN)), "{start} | {whole}");
    }
}
