//! What was lost, in words: what can still be read of records and snapshots that are damaged. Nothing of it is relied
//! on; it tells a person what to look for.

use cofferdam_model::Address;
use serde_json::Value as Json;

use super::Lost;

/// A damaged record; none where it said nothing that could be missed.
pub(super) fn record(body: &str, place: &str, line: usize) -> Option<Lost> {
    let unreadable = || Some(Lost::words(format!("a record that cannot be read: line {line} of `{place}`")));
    let Ok(Json::Object(record)) = serde_json::from_str::<Json>(body) else { return unreadable() };
    let Some((kind, content)) = record.iter().next() else { return unreadable() };
    let address = content["address"].as_str().and_then(|text| text.parse::<Address>().ok());
    let named = address.as_ref().map_or_else(|| "a resource".to_owned(), |address| format!("`{address}`"));
    let operation = content["operation"].as_str().map_or_else(String::new, |operation| {
        let shown: String = operation.chars().filter(|c| !c.is_control()).take(40).collect();
        format!(" (operation {shown})")
    });
    let words = match kind.as_str() {
        "intent" => format!("that a write of {named} was about to begin{operation}"),
        "checkpoint" => format!("how far a write had come{operation}"),
        "result" if content["entry"].is_null() => format!("that {named} was removed{operation}"),
        "result" => format!("what came of a write of {named}{operation}"),
        "outputs" => "the outputs of a deploy".to_owned(),
        "run_started" | "run_finished" | "lease" | "header" => return None,
        _ => return unreadable(),
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
