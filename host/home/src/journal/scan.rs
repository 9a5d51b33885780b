//! Checks the pieces of a log, from its base on: every line, and that they follow each other.

use std::collections::BTreeSet;
use std::ops::Range;

use super::line::{self, Chain, FORMAT, Framing, Header, LAST, Line, TAIL, finish};
use super::sealed::{is_sealed, journal_of};
use crate::places::Places;
use crate::{Damage, LoadError, NewerFormat};

/// What is wrong with a piece without a byte.
pub(crate) const EMPTY: &str = "it is empty";
/// What is wrong with a piece that was cut off.
pub(crate) const CUT: &str = "its end is missing";

/// A piece as it was read.
pub(crate) struct Piece {
    pub number: u64,
    /// What people call it.
    pub place: String,
    pub bytes: Vec<u8>,
}

/// Where the text of a record is.
pub(crate) struct Text {
    pub piece: usize,
    /// The line in the piece, from 1.
    pub line: usize,
    /// The line in the journal, from 0.
    pub number: u64,
    range: Range<usize>,
}

/// A log whose lines have been checked.
pub(crate) struct Log {
    pub pieces: Vec<Piece>,
    pub header: Header,
    /// The records, in order.
    pub records: Vec<Text>,
    pub chain: Chain,
    /// The highest lease that wrote here.
    pub token: u64,
    /// Pieces that must stay, among those that were read.
    pub fences: BTreeSet<u64>,
    /// Whether a record is encrypted as a whole.
    pub sealed: bool,
}

impl Log {
    /// Checks pieces that begin with a base and follow each other.
    pub(crate) fn scan(places: &Places, pieces: Vec<Piece>) -> Result<Self, LoadError> {
        let mut header: Option<Header> = None;
        let (mut records, mut chain, mut token, mut fences) = (Vec::new(), Chain::default(), 0, BTreeSet::new());
        let (mut sealed, mut expected) = (false, Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            let damaged = |line, what: &str| Damage { place: piece.place.clone(), line, what: what.to_owned() };
            if piece.bytes.last() != Some(&b'\n') {
                let what = if piece.bytes.is_empty() { EMPTY } else { CUT };
                return Err(damaged(None, what).into());
            }
            let mut end = 0;
            for (i, line) in piece.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
                let fail = |what: &str| damaged(Some(i + 1), what);
                let parsed: Result<Line<'_>, _> = serde_json::from_slice(line);
                let body = parsed.as_ref().map_or("", |line| line.r.get());
                expected.clear();
                chain.push(body, &mut expected);
                let is_last = end + line.len() == piece.bytes.len();
                if is_last && expected == line {
                    return Err(damaged(None, CUT).into());
                }
                if is_last {
                    finish(&mut expected);
                }
                if expected != line {
                    if let Some(found) = line::newer(line) {
                        return Err(NewerFormat { place: piece.place.clone(), found, known: FORMAT }.into());
                    }
                    let what = if parsed.is_ok() { "the checksum does not match" } else { "it is no record" };
                    return Err(fail(what).into());
                }
                end += line.len();
                match (Framing::read(body), header.is_some()) {
                    (Some(Ok(Framing::Header(found))), false) => {
                        token = found.token;
                        chain.journal.clone_from(&found.journal);
                        header = Some(found);
                    }
                    (Some(Ok(Framing::Lease(lease))), true) => {
                        token = token.max(lease.token);
                        if lease.fence {
                            fences.insert(piece.number);
                        }
                    }
                    (None, true) => {
                        if is_sealed(body) {
                            sealed = true;
                            if journal_of(body) != Some(&chain.journal) {
                                return Err(fail("it is the record of another journal").into());
                            }
                        }
                        let number = chain.next - 1;
                        let tail = end - if is_last { LAST.len() } else { TAIL.len() };
                        let range = tail - body.len()..tail;
                        records.push(Text { piece: index, line: i + 1, number, range });
                    }
                    _ => return Err(fail("it is not what belongs there").into()),
                }
            }
        }
        let place = pieces.first().map(|piece| piece.place.clone()).unwrap_or_default();
        let damaged = |what: String| Damage { place: place.clone(), line: Some(1), what };
        let header = header.ok_or_else(|| damaged("the journal has no header".to_owned()))?;
        if (&header.stack, &header.stage) != (&places.stack, &places.stage) {
            let what = format!("it is the journal of stack `{}` in stage `{}`", header.stack, header.stage);
            return Err(damaged(what).into());
        }
        Ok(Self { pieces, header, records, chain, token, fences, sealed })
    }

    /// The body of a record's line.
    pub(crate) fn body(&self, record: &Text) -> &str {
        let bytes = &self.pieces[record.piece].bytes[record.range.clone()];
        std::str::from_utf8(bytes).expect("it was read as JSON")
    }

    /// The number of the base.
    pub(crate) fn base(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.number)
    }

    /// The number of the last piece.
    pub(crate) fn last(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.number)
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_model::{StackName, StageName};

    use super::super::line::SnapshotRef;
    use super::*;

    fn places() -> Places {
        Places { stack: StackName::new("shop").expect("valid"), stage: StageName::new("dev").expect("valid") }
    }

    /// A log in two pieces of two lines.
    fn log() -> [Vec<u8>; 2] {
        let Places { stack, stage } = places();
        let base = SnapshotRef { lineage: "ab".into(), serial: 3, name: "3".into(), sum: "cd".into() };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let header = Header { journal: "0123".into(), stack, stage, token: 1, base: Some(base) };
        let mut chain = Chain::begin(header, &mut first);
        chain.push(r#"{"run_started":{"command":"deploy","at_ms":1}}"#, &mut first);
        chain.push(r#"{"run_finished":{"at_ms":2}}"#, &mut second);
        chain.push(r#"{"run_finished":{"at_ms":3}}"#, &mut second);
        finish(&mut first);
        finish(&mut second);
        [first, second]
    }

    fn scan(pieces: &[Vec<u8>]) -> Result<usize, LoadError> {
        let pieces = pieces.iter().zip(7..).map(|(bytes, number)| {
            let place = number.to_string();
            Piece { number, place, bytes: bytes.clone() }
        });
        Log::scan(&places(), pieces.collect()).map(|log| log.records.len())
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let good = log();
        assert_eq!(scan(&good).expect("whole"), 3);
        for piece in 0..good.len() {
            for at in 0..good[piece].len() {
                for bit in 0..8 {
                    let mut bad = good.clone();
                    bad[piece][at] ^= 1 << bit;
                    assert!(scan(&bad).is_err(), "piece {piece}, byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn every_missing_byte_at_an_end_is_found() {
        let [first, second] = log();
        for end in 0..second.len() {
            assert!(scan(&[first.clone(), second[..end].to_vec()]).is_err(), "{end}");
        }
        for end in 0..first.len() {
            assert!(scan(&[first[..end].to_vec()]).is_err(), "{end}");
        }
    }

    #[test]
    fn lines_cannot_be_dropped_or_moved() {
        let mut good = log().concat();
        // One piece of all lines.
        let inner = good.windows(LAST.len()).position(|window| window == LAST).expect("two pieces");
        good.splice(inner..inner + LAST.len(), TAIL.iter().copied());
        assert_eq!(scan(&[good.clone()]).expect("whole"), 3);
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [&[0, 2, 3][..], &[0, 2, 1, 3], &[1, 2, 3], &[0, 1, 1, 2, 3], &[0, 0], &[0, 1, 2], &[]] {
            let bad: Vec<u8> = order.iter().flat_map(|i| lines[*i]).copied().collect();
            assert!(scan(&[bad]).is_err(), "{order:?}");
        }
        // Two pieces in one.
        assert!(scan(&[log().concat()]).is_err());
    }

    #[test]
    fn a_newer_format_is_named() {
        let bad = String::from_utf8(log()[0].clone()).expect("text").replace(r#"{"v":1"#, r#"{"v":3"#);
        assert!(matches!(scan(&[bad.into_bytes()]), Err(LoadError::Newer(NewerFormat { found: 3, .. }))));
    }
}
