//! A state as a document: what comes out goes in again, in clear or encrypted, and nothing else goes in.

mod support;

use cofferdam_home::{DocumentError, DocumentSecrets, Stage, StateDocument};
use cofferdam_model::state::StackState;
use support::{Place, SECRETS, address, chain, empty, outputs, plain_entry, secret_entry};

fn read(stage: &Stage, text: impl AsRef<[u8]>) -> Result<StackState, DocumentError> {
    stage.read_document(StateDocument::parse(text.as_ref())?)
}

fn state() -> StackState {
    let resources = [(address(0), secret_entry(0)), (address(1), plain_entry(1))].into();
    StackState { resources, outputs: outputs(), lineage: "ab12".into(), serial: 7, ..empty() }
}

#[test]
fn what_comes_out_goes_in() {
    let place = Place::new();
    let stage = place.write();
    for secrets in [DocumentSecrets::Encrypted, DocumentSecrets::Clear] {
        let text = stage.to_document(&state(), secrets).expect("writes");
        assert_eq!(read(&stage, &text).expect("reads"), state());
        assert_eq!(text.contains(SECRETS[0]), secrets == DocumentSecrets::Clear, "{text}");
        // Also where a person has laid it out anew.
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let pretty = serde_json::to_string_pretty(&json).expect("JSON");
        assert_eq!(read(&stage, &pretty).expect("reads"), state());
    }
}

#[test]
fn encrypted_secrets_open_at_home_alone() {
    let (place, other) = (Place::new(), Place::new());
    let text = place.write().to_document(&state(), DocumentSecrets::Encrypted).expect("writes");
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}");
    }
    let error = read(&other.read(), &text).expect_err("no such key");
    assert!(matches!(error, DocumentError::Key(_)), "{error}");
    let moved = text.replace("acme_thing.r0", "acme_thing.r9");
    let error = read(&place.read(), moved).expect_err("bound to its address");
    assert!(error.to_string().contains("does not belong there"), "{error}");
}

#[test]
fn anything_else_is_refused() {
    let place = Place::new();
    let stage = place.read();
    let text = stage.to_document(&chain(2), DocumentSecrets::Encrypted).expect("writes");
    let twice = text.replacen(r#""serial":0"#, r#""serial":0,"serial":1"#, 1);
    let deep = text.replacen(r#""retention":14"#, &format!(r#""retention":{}{}"#, "[".repeat(70), "]".repeat(70)), 1);
    let very_deep = "[".repeat(100_000);
    for (bad, words) in [
        ("", "EOF"),
        ("{}", "missing field"),
        (very_deep.as_str(), "too many levels"),
        (&twice, "`serial` stands twice"),
        (&deep, "levels"),
        (&text.replacen(r#""stage":"dev""#, r#""stage":"production""#, 1), "stage `production`"),
        (&text.replacen(r#""type":"state""#, r#""type":"plan""#, 1), "begins with no"),
        (&text.replacen(r#""format":1"#, r#""format":2"#, 1), "has format 2"),
        (&text.replacen(r#""plugin":0"#, r#""plugin":4"#, 1), "names no plugin"),
        (&text.replacen(r#""serial":0"#, r#""serial":0,"more":1"#, 1), "unknown field"),
        (&text.replacen("acme_thing.r1\":", "nowhere\":", 1), "no valid resource name"),
        (&format!("{text}{text}"), "trailing"),
    ] {
        let error = read(&stage, bad).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(error.len() < 400, "{error}");
    }
    assert_eq!(read(&stage, &text).expect("reads"), chain(2));
}
