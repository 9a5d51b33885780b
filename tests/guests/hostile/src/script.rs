//! What the `describe` calls do: a text in the component's data, which tests overwrite. Blank: an ordinary manifest.
//! JSON: what differs from the ordinary one, and `schema` for the text of every schema. Anything else: a deed.

use std::hint::black_box;

use cofferdam_sdk::bindings::exports::cofferdam::provider::provider::Manifest;
use cofferdam_sdk::serde_json::{self, Value, json};

use crate::{TYPES, excess};

const MARK: &[u8] = b"cofferdam-fixture-script:";
const ROOM: usize = 4096;

/// The mark and the room behind it. Tests look for the mark.
static SCRIPT: [u8; MARK.len() + ROOM] = {
    let mut script = [b' '; MARK.len() + ROOM];
    let mut at = 0;
    while at < MARK.len() {
        script[at] = MARK[at];
        at += 1;
    }
    script
};

/// The text that stands there, maybe written by a test.
fn script() -> &'static str {
    // Without the box the compiler would read the blanks that stand there now.
    let script = &black_box(&SCRIPT)[MARK.len()..];
    std::str::from_utf8(script).unwrap_or_default().trim()
}

/// The schema that the script gives to every type.
pub(crate) fn schema() -> Option<String> {
    let script: Value = serde_json::from_str(script()).ok()?;
    script["schema"].as_str().map(str::to_owned)
}

/// What the script says.
pub(crate) fn describe() -> Manifest {
    let script = script();
    let mut manifest = json!({
        "name": "hostile",
        "version": "0.1.0",
        "config_schema": "{}",
        "resource_types": TYPES,
        "functions": [],
        "capabilities": r#"{"credentials":[{"name":"token","optional":true}]}"#,
    });
    match serde_json::from_str(script) {
        Ok(Value::Object(differs)) => {
            for (key, value) in differs {
                manifest[key] = value;
            }
        }
        _ => {
            let _ = excess::perform(script);
        }
    }
    let text = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
    let texts = |key: &str| {
        let items = manifest[key].as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
    };
    Manifest {
        name: text("name"),
        version: text("version"),
        config_schema: text("config_schema"),
        resource_types: texts("resource_types"),
        functions: texts("functions"),
        capabilities: text("capabilities"),
    }
}
