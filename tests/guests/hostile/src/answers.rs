//! Deeds that answer what no host should believe, or swallow.
#![expect(unsafe_code, reason = "texts that lie where no text is")]

use std::mem::ManuallyDrop;

use cofferdam_sdk::bindings::cofferdam::provider::types::{Document, Failure, Pending, WriteOutcome};

use crate::{properties, state};

/// Answers a create. None: there is no such deed here.
pub(crate) fn perform(inputs: &Document, deed: &str) -> Option<Result<WriteOutcome, Failure>> {
    let mut answer = state(properties(inputs).to_string());
    let document = &mut answer.properties;
    match deed {
        "gigabyte" => document.json = format!("\"{}\"", "x".repeat(1 << 30)),
        // A hundred texts of ten megabytes which all lie at the same place.
        "amplified-gigabyte" => document.secret = copies(&ManuallyDrop::new("x".repeat(10 << 20)), 100),
        "long-document" => document.json = format!("{{\"deed\":\"{}\"}}", "x".repeat(5 << 20)),
        "many-marks" => document.secret = vec![String::from("/deed"); 20_000],
        "malformed-json" => document.json = r#"{"id":"#.to_owned(),
        "deep-json" => document.json = format!("{{\"id\":{}{}}}", "[".repeat(1000), "]".repeat(1000)),
        "repeated-key" => document.json = r#"{"id":"a","id":"b"}"#.to_owned(),
        "no-object" => document.json = "[]".to_owned(),
        "marks-nothing" => document.secret = vec!["/nowhere".to_owned()],
        "unknown-state" => document.unknown = vec!["/deed".to_owned()],
        // SAFETY: there is none; the host looks at the place before it reads.
        "wild-pointer" => document.json = unsafe { String::from_raw_parts(0xffff_0000_usize as *mut u8, 4096, 4096) },
        "big-hidden" => answer.hidden = vec![0; 100 << 10],
        "big-checkpoint" => return Some(Ok(WriteOutcome::Pending(pending(vec![0; 100 << 10])))),
        _ => return None,
    }
    Some(Ok(WriteOutcome::Done(answer)))
}

fn pending(checkpoint: Vec<u8>) -> Pending {
    Pending { checkpoint, poll_after_ms: 0, note: None, partial: None }
}

/// Strings that share one memory. Never dropped: the host ends the call before.
fn copies(text: &ManuallyDrop<String>, count: usize) -> Vec<String> {
    // SAFETY: they are read by the host alone.
    let copy = |_| unsafe { String::from_raw_parts(text.as_ptr().cast_mut(), text.len(), text.len()) };
    (0..count).map(copy).collect()
}
