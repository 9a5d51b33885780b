//! Lines of a journal. Each has the format, a number that counts from 0, a checksum and a record; the first record
//! is the header. A checksum covers the line and the checksum before it, so that no line can be changed, dropped,
//! moved or taken from another journal. Whole journals are told apart by a random id.

use std::ops::Range;

use cofferdam_model::{StackName, StageName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::Places;
use crate::generation::Generation;
use crate::{Damage, LoadError, NewerFormat};

/// The format that is written.
const FORMAT: u64 = 1;
/// What ends a line.
const TAIL: &[u8] = b"}\n";
/// Hexadecimal digits of a checksum.
const SUM_DIGITS: usize = 16;

/// The first record: which snapshot the journal goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Random, different for every journal.
    pub journal: String,
    pub stack: StackName,
    pub stage: StageName,
    /// The snapshot.
    pub base: Generation,
}

/// Where a journal's chain of lines ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The number of the next line.
    pub next: u64,
    /// The checksum of the last line.
    pub sum: String,
}

impl Chain {
    /// Appends a line with a record's text.
    pub(crate) fn push(&mut self, body: &str, out: &mut Vec<u8>) {
        let n = self.next;
        let hash = Sha256::new().chain_update(&self.sum).chain_update(n.to_le_bytes()).chain_update(body).finalize();
        self.sum = hex::encode(&hash[..SUM_DIGITS / 2]);
        self.next += 1;
        let head = format!(r#"{{"v":{FORMAT},"n":{n},"sum":"{}","r":"#, self.sum);
        for part in [head.as_bytes(), body.as_bytes(), TAIL] {
            out.extend_from_slice(part);
        }
    }

    /// Appends the first line.
    pub(crate) fn push_header(&mut self, header: &Header, out: &mut Vec<u8>) {
        self.push(&serde_json::to_string(header).expect("names are JSON"), out);
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    r: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// A journal whose lines have been checked.
pub(crate) struct Scan {
    pub header: Header,
    /// Where the texts of the records after the header are, in order; the first is on line 2.
    pub records: Vec<Range<usize>>,
    pub chain: Chain,
    /// The length of the whole lines. What lies behind was torn off while it was written.
    pub whole_bytes: usize,
}

impl Scan {
    /// Checks every line of the journal of a stage.
    pub(crate) fn new(places: &Places, bytes: &[u8]) -> Result<Self, LoadError> {
        let path = &places.journal;
        let damaged = |line, what: &str| Damage { path: path.clone(), line: Some(line), what: what.to_owned() };
        let whole_bytes = whole_lines(bytes);
        let (whole, rest) = bytes.split_at(whole_bytes);
        if leads_with_whole_line(rest) {
            let lines = whole.iter().filter(|byte| **byte == b'\n').count();
            return Err(damaged(lines + 1, "its end was changed").into());
        }
        let (mut header, mut records): (Option<Header>, _) = (None, Vec::new());
        let (mut chain, mut expected, mut end) = (Chain::default(), Vec::new(), 0);
        for (i, line) in whole.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let fail = |what| damaged(i + 1, what);
            let parsed: Result<Line<'_>, _> = serde_json::from_slice(line);
            let body = parsed.as_ref().map_or("", |line| line.r.get());
            expected.clear();
            chain.push(body, &mut expected);
            if expected != line {
                if let Some(found) = newer(line) {
                    return Err(NewerFormat { path: path.clone(), found, known: FORMAT }.into());
                }
                let what = if parsed.is_ok() { "the checksum does not match" } else { "it is no record" };
                return Err(fail(what).into());
            }
            end += line.len();
            if header.is_some() {
                records.push(end - TAIL.len() - body.len()..end - TAIL.len());
            } else {
                header = Some(serde_json::from_str(body).map_err(|_| fail("it is no header of a journal"))?);
            }
        }
        let header = header.ok_or_else(|| damaged(1, "the journal has no header"))?;
        if (&header.stack, &header.stage) != (&places.stack, &places.stage) {
            let what = format!("it is the journal of stack `{}` in stage `{}`", header.stack, header.stage);
            return Err(damaged(1, &what).into());
        }
        Ok(Self { header, records, chain, whole_bytes })
    }
}

fn newer(line: &[u8]) -> Option<u64> {
    serde_json::from_slice(line).ok().map(|Version { v }| v).filter(|v| *v > FORMAT)
}

/// The length of the lines that end with a line feed. After a loss of power the rest may also be zeros.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// Whether a rest has a whole line in it whose line feed was changed. A torn write leaves a part of a line alone.
fn leads_with_whole_line(rest: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
    matches!(values.next(), Some(Ok(_))) && values.byte_offset() < rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places {
            stack: StackName::new("shop").expect("valid"),
            stage: StageName::new("dev").expect("valid"),
            journal: "journal.jsonl".into(),
            snapshot: "state.json".into(),
        }
    }

    fn journal() -> Vec<u8> {
        let Places { stack, stage, .. } = places();
        let base = Generation { lineage: "ab".into(), serial: 3 };
        let header = Header { journal: "0123".into(), stack, stage, base };
        let (mut chain, mut out) = (Chain::default(), Vec::new());
        chain.push_header(&header, &mut out);
        for body in [r#"{"run_started":{"command":"deploy","at_ms":1}}"#, r#"{"run_finished":{"at_ms":2}}"#] {
            chain.push(body, &mut out);
        }
        out
    }

    fn scan(bytes: &[u8]) -> Result<usize, LoadError> {
        Scan::new(&places(), bytes).map(|scan| scan.records.len())
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let good = journal();
        assert_eq!(scan(&good).expect("whole"), 2);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(scan(&bad).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn lines_cannot_be_dropped_or_moved() {
        let good = journal();
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [&[0, 2][..], &[0, 2, 1], &[1, 2], &[0, 1, 1, 2], &[]] {
            let bad: Vec<u8> = order.iter().flat_map(|i| lines[*i]).copied().collect();
            assert!(scan(&bad).is_err(), "{order:?}");
        }
    }

    #[test]
    fn a_torn_tail_is_left_out() {
        let good = journal();
        let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
        for end in last..good.len() {
            assert_eq!(scan(&good[..end]).expect("torn"), 1, "{end}");
            let zeros = [&good[..end], &[0; 100]].concat();
            assert!(end == good.len() - 1 || scan(&zeros).is_ok_and(|records| records == 1), "{end}");
        }
        assert_eq!(scan(&[&good[..], &[0; 100]].concat()).expect("torn"), 2);
    }

    #[test]
    fn a_newer_format_is_named() {
        let bad = String::from_utf8(journal()).expect("text").replace(r#"{"v":1"#, r#"{"v":2"#);
        assert!(matches!(scan(bad.as_bytes()), Err(LoadError::Newer(NewerFormat { found: 2, .. }))));
    }
}
