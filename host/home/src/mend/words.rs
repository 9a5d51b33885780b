//! What was lost, in words: what can still be read of records and snapshots that are damaged. Nothing of it is relied
//! on; it tells a person what to look for.

use cofferdam_model::{Address, SecretName};
use serde_json::Value as Json;

use super::Lost;

/// A damaged record; none where it said nothing that could be missed.
pub(super) fn record(body: &str, place: &str, line: usize) -> Option<Lost> {
    let unreadable = || Some(Lost::words(format!("a record that cannot be read: line {line} of `{place}`")));
    let Ok(Json::Object(record)) = serde_json::from_str::<Json>(body) else { return unreadable() };
    let Some((kind, content)) = record.iter().next() else { return unreadable() };
    match kind.as_str() {
        "run_started" | "run_finished" | "lease" | "header" => None,
        kind => told(kind, content).or_else(unreadable),
    }
}

/// A line that cannot be read as a whole, by what is left of its beginning; none where that says too little.
pub(super) fn fragment(line: &str) -> Option<Lost> {
    let (_, record) = line.split_once(r#""r":{""#)?;
    let (kind, content) = record.split_once('"')?;
    let text = |key: &str| {
        let (_, rest) = content.split_once(&format!(r#""{key}":""#))?;
        Some((key.to_owned(), Json::from(rest.split_once('"')?.0)))
    };
    let found: serde_json::Map<String, Json> = ["address", "operation"].into_iter().filter_map(text).collect();
    if found.is_empty() {
        return None;
    }
    let mut content = Json::Object(found);
    // Whether there was an object is not known; a removal is told only where it can be read.
    content["entry"] = Json::Bool(true);
    told(kind, &content)
}

/// What a record of a kind said; none for a kind that says nothing of a resource.
fn told(kind: &str, content: &Json) -> Option<Lost> {
    let address = content["address"].as_str().and_then(|text| text.parse::<Address>().ok());
    let named = address.as_ref().map_or_else(|| "a resource".to_owned(), |address| format!("`{address}`"));
    let operation = content["operation"].as_str().map_or_else(String::new, |operation| {
        let shown: String = operation.chars().filter(|c| !c.is_control()).take(40).collect();
        format!(" (operation {shown})")
    });
    let words = match kind {
        "intent" => format!("that a write of {named} was about to begin{operation}"),
        "checkpoint" => format!("how far a write had come{operation}"),
        "result" if content["entry"].is_null() => format!("that {named} was removed{operation}"),
        "result" => format!("what came of a write of {named}{operation}"),
        "outputs" => "the outputs of a deploy".to_owned(),
        _ => return None,
    };
    Some(Lost { words, address, identity: identity(&content["entry"]) })
}

/// The resources in a damaged snapshot, as far as it can be read.
pub(super) fn snapshot(bytes: &[u8]) -> Vec<Lost> {
    let Ok(json) = serde_json::from_slice::<Json>(bytes) else { return Vec::new() };
    let resources = json["body"]["resources"].as_object();
    let lost = |(address, entry): (&String, &Json)| {
        let address: Address = address.parse().ok()?;
        Some(Lost { words: format!("`{address}`"), address: Some(address), identity: identity(entry) })
    };
    resources.into_iter().flatten().filter_map(lost).collect()
}

/// The names in a damaged list of secrets, as far as it can be read.
pub(super) fn secrets(bytes: &[u8]) -> Vec<String> {
    let Ok(json) = serde_json::from_slice::<Json>(bytes) else { return Vec::new() };
    let secrets = json["body"]["secrets"].as_object();
    let names = secrets.into_iter().flatten().filter_map(|(name, _)| SecretName::new(name).ok());
    names.map(|name| format!("`{name}`")).collect()
}

/// What names the object of an entry, where that is no secret.
fn identity(entry: &Json) -> Vec<(String, String)> {
    let keys = entry["state"]["identity"].as_array();
    let key = |key: &Json| {
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let (pointer, value) = (key[0].as_str()?, key[1].as_str()?);
        let name = pointer.strip_prefix("/properties").unwrap_or(pointer).trim_start_matches('/');
        Some((clean(name), clean(value)))
    };
    keys.into_iter().flatten().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_record_tells_what_it_was() {
        let line = r#"{"v":1,"n":7,"sum":"0123456789abcdef","r":{"intent":{"operation":"op-1f","address":"web_found.r3","kind":"create","desired":{"name":"x"}}}}"#;
        let words = |end: usize| fragment(&line[..end]).map(|lost| lost.words);
        let whole = "that a write of `web_found.r3` was about to begin (operation op-1f)";
        assert_eq!(words(line.len()).as_deref(), Some(whole));
        let address = line.find("web_found.r3\"").expect("there") + 13;
        assert_eq!(words(address).as_deref(), Some(whole));
        assert_eq!(
            words(address - 1).as_deref(),
            Some("that a write of a resource was about to begin (operation op-1f)")
        );
        assert_eq!(words(line.find("op-1f").expect("there")), None);
        for end in 0..line.len() {
            let _ = words(end);
        }
        let result =
            r#"{"v":1,"n":8,"sum":"0","r":{"result":{"operation":"op-1f","address":"web_found.r3","entry":{"st"#;
        assert_eq!(
            fragment(result).map(|lost| lost.words).as_deref(),
            Some("what came of a write of `web_found.r3` (operation op-1f)")
        );
    }
}
