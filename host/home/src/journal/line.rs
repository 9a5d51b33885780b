//! Lines of a journal. Each has the format, a number that counts from 0, a checksum and a body; the first body is the
//! header. A checksum covers the line and the checksum before it, so that no line can be changed, dropped, moved or
//! taken from another journal. The last line of a piece says so, or one that was cut off between two lines would look
//! whole. Whole journals are told apart by a random id.

use cofferdam_model::{StackName, StageName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::sealed::is_sealed;
use crate::Holder;

/// The format of lines that can be read.
const CLEAR: u64 = 1;
/// The format of lines whose record is encrypted as a whole; the highest that is known.
pub(crate) const FORMAT: u64 = 2;
/// What ends a line.
pub(crate) const TAIL: &[u8] = b"}\n";
/// What ends the last line of a piece. A body ends with `}`, so that neither end can be taken for the other.
pub(crate) const LAST: &[u8] = b",\"last\":true}\n";
/// Hexadecimal digits of a checksum.
const SUM_DIGITS: usize = 16;

/// A snapshot that a journal goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotRef {
    pub lineage: String,
    pub serial: u64,
    /// Its name within the stage.
    pub name: String,
    /// Its checksum.
    pub sum: String,
}

/// The first line of a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Random, different for every base.
    pub journal: String,
    pub stack: StackName,
    pub stage: StageName,
    /// The lease of the run that wrote it.
    pub token: u64,
    /// None before the first snapshot.
    pub base: Option<SnapshotRef>,
}

/// Which run writes from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseLine {
    pub token: u64,
    /// Whether it shuts out a run that did not end as it should; then it is never removed.
    pub fence: bool,
    pub holder: Holder,
}

/// A line that is no record of a run.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Framing {
    Header(Header),
    Lease(LeaseLine),
}

impl Framing {
    /// The framing in a body; none where it is a record.
    pub(crate) fn read(body: &str) -> Option<Result<Self, serde_json::Error>> {
        let framing = body.starts_with(r#"{"header":"#) || body.starts_with(r#"{"lease":"#);
        framing.then(|| serde_json::from_str(body))
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("names are JSON")
    }
}

/// Where a journal's chain of lines ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The number of the next line.
    pub next: u64,
    /// The checksum of the last line.
    pub sum: String,
    /// The journal, as its header names it; empty where that is not known.
    pub journal: String,
}

impl Chain {
    /// Appends a line.
    pub(crate) fn push(&mut self, body: &str, out: &mut Vec<u8>) {
        let n = self.next;
        let hash = Sha256::new().chain_update(&self.sum).chain_update(n.to_le_bytes()).chain_update(body).finalize();
        self.sum = hex::encode(&hash[..SUM_DIGITS / 2]);
        self.next += 1;
        let format = if is_sealed(body) { FORMAT } else { CLEAR };
        let head = format!(r#"{{"v":{format},"n":{n},"sum":"{}","r":"#, self.sum);
        for part in [head.as_bytes(), body.as_bytes(), TAIL] {
            out.extend_from_slice(part);
        }
    }

    /// A new chain, begun with a header.
    pub(crate) fn begin(header: Header, out: &mut Vec<u8>) -> Self {
        let mut chain = Self { journal: header.journal.clone(), ..Self::default() };
        chain.push(&Framing::Header(header).text(), out);
        chain
    }

    /// Appends who writes from here on.
    pub(crate) fn push_lease(&mut self, lease: LeaseLine, out: &mut Vec<u8>) {
        self.push(&Framing::Lease(lease).text(), out);
    }
}

/// Marks the last line of a piece as such.
pub(crate) fn finish(piece: &mut Vec<u8>) {
    debug_assert!(piece.ends_with(TAIL) && !piece.ends_with(LAST), "a piece has lines, and is finished once");
    piece.truncate(piece.len() - TAIL.len());
    piece.extend_from_slice(LAST);
}

/// A line as it was read.
#[derive(Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub r: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct Number {
    n: u64,
}

/// The format of a line that this program cannot take apart, where it is a newer one.
pub(crate) fn newer(line: &[u8]) -> Option<u64> {
    serde_json::from_slice(line).ok().map(|Version { v }| v).filter(|v| *v > FORMAT)
}

/// Whether a piece begins a new chain.
pub(crate) fn is_base(piece: &[u8]) -> bool {
    let line = piece.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice(line).is_ok_and(|Number { n }| n == 0)
}
