//! Reads the lines of a log that may be damaged: each is checked against the one before it, so that those behind a
//! damaged line can be told to be whole.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::journal::line::{self, Chain, Framing, LAST, finish, is_base};
use crate::journal::scan::{CUT, EMPTY};

/// How many ways a chain may go on behind damaged lines are looked into.
const CANDIDATES: usize = 4;

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Its checksum is right.
    Whole,
    /// It can be read, and what its checksum covers besides is gone.
    Unchecked,
    /// Its checksum is wrong, or it cannot be read.
    Damaged,
}

/// A line of a piece.
pub(crate) struct ReadLine {
    /// From 1.
    pub line: usize,
    /// The line in its journal, from 0, as it says itself.
    pub number: u64,
    pub check: Check,
    /// Its body; empty where it cannot be read.
    pub body: String,
    /// The whole line where it cannot be read, with what is no text replaced.
    pub rest: String,
    /// The header or lease that it is; none for records.
    pub framing: Option<Framing>,
}

/// A piece, line by line.
pub(crate) struct ReadPiece {
    pub number: u64,
    pub key: String,
    pub lines: Vec<ReadLine>,
    /// The first thing that is wrong with it: the line, where it is in one, and what.
    pub trouble: Option<(Option<usize>, &'static str)>,
    /// Whether it was cut off, so that nobody knows what else it held.
    pub cut: bool,
    /// A format that this program does not know.
    pub newer: Option<u64>,
    /// Whether it begins a new chain, as far as that can be read.
    pub base: bool,
}

impl ReadPiece {
    /// The header of a base that is whole.
    pub(crate) fn header(&self) -> Option<&line::Header> {
        let first = self.lines.first().filter(|line| line.check == Check::Whole)?;
        match &first.framing {
            Some(Framing::Header(header)) => Some(header),
            _ => None,
        }
    }

    /// Whether it could be a base that cannot be told any more.
    pub(crate) fn may_hide_base(&self) -> bool {
        self.lines.first().is_none_or(|line| line.check != Check::Whole)
    }

    /// Whether it shuts out a run.
    pub(crate) fn is_fence(&self) -> bool {
        let fences = |line: &ReadLine| matches!(&line.framing, Some(Framing::Lease(lease)) if lease.fence);
        self.lines.iter().any(fences)
    }

    /// The highest lease that wrote in it.
    pub(crate) fn token(&self) -> u64 {
        let token = |line: &ReadLine| match &line.framing {
            Some(Framing::Lease(lease)) => lease.token,
            Some(Framing::Header(header)) => header.token,
            None => 0,
        };
        self.lines.iter().filter(|line| line.check == Check::Whole).map(token).max().unwrap_or(0)
    }
}

#[derive(Deserialize)]
struct Loose<'a> {
    n: u64,
    sum: &'a str,
    #[serde(borrow)]
    r: &'a RawValue,
}

/// Reads pieces in the order of their numbers.
pub(crate) struct Reader {
    /// How the chain may stand before the next line; with the line whose content it confirms.
    candidates: Vec<(Chain, Option<(usize, usize)>)>,
    /// Whether lines may be missing before the next one.
    broken: bool,
    pub pieces: Vec<ReadPiece>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { candidates: Vec::new(), broken: false, pieces: Vec::new() }
    }

    pub(crate) fn piece(&mut self, number: u64, key: String, bytes: &[u8]) {
        if self.pieces.last().is_some_and(|last| last.number + 1 != number) {
            self.candidates.clear();
        }
        let base = is_base(bytes);
        let index = self.pieces.len();
        self.pieces.push(ReadPiece { number, key, lines: Vec::new(), trouble: None, cut: false, newer: None, base });
        let (mut trouble, mut newer) = (None, None);
        if bytes.is_empty() {
            trouble = Some((None, EMPTY));
            self.candidates.clear();
        }
        let mut cut = bytes.is_empty() || !bytes.ends_with(b"\n");
        for (i, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            newer = newer.or_else(|| line::newer(text));
            let read = self.line(index, i, text);
            // Where more is wrong with it than that it is not the last, its end is there and damaged.
            let is_end = text.as_ptr_range().end == bytes.as_ptr_range().end;
            cut |= is_end && read.check != Check::Damaged && !text.ends_with(LAST);
            if read.check != Check::Whole {
                let what = match (read.check, read.body.is_empty()) {
                    (Check::Unchecked, _) => "it cannot be checked: what comes before it is missing",
                    (_, true) => "it is no record",
                    (_, false) => "the checksum does not match",
                };
                trouble = trouble.or(Some((Some(i + 1), what)));
            }
            self.pieces[index].lines.push(read);
        }
        if cut && !bytes.is_empty() {
            trouble = Some((None, CUT));
        }
        self.broken = cut;
        let piece = &mut self.pieces[index];
        (piece.trouble, piece.cut, piece.newer) = (trouble, cut, newer);
    }

    fn line(&mut self, piece: usize, i: usize, text: &[u8]) -> ReadLine {
        let (before, broken) = (std::mem::take(&mut self.candidates), std::mem::take(&mut self.broken));
        let Ok(Loose { n, sum, r }) = serde_json::from_slice::<Loose<'_>>(text) else {
            let (body, rest) = (String::new(), String::from_utf8_lossy(text).into_owned());
            return ReadLine { line: i + 1, number: 0, check: Check::Damaged, body, rest, framing: None };
        };
        let body = r.get().to_owned();
        let known = !before.is_empty() && !broken;
        let mut tried = before;
        if n == 0 {
            tried.push((Chain::default(), None));
        }
        let mut next = Vec::new();
        let mut check = if known || n == 0 { Check::Damaged } else { Check::Unchecked };
        for (mut chain, confirms) in tried {
            let mut expected = Vec::new();
            chain.push(&body, &mut expected);
            if text.ends_with(LAST) {
                finish(&mut expected);
            }
            if expected == text {
                if let Some((piece, line)) = confirms {
                    self.confirm(piece, line);
                }
                (check, next) = (Check::Whole, vec![(chain, None)]);
                break;
            }
            // Where the damage is in the sum or the number alone, the next line agrees with what they were.
            next.push((chain, Some((piece, i))));
        }
        let framing = Framing::read(&body);
        if check != Check::Whole {
            let unreadable = !text.ends_with(b"}\n") || matches!(framing, Some(Err(_)));
            if unreadable {
                check = Check::Damaged;
            }
            next.push((Chain { next: n.saturating_add(1), sum: sum.to_owned(), ..Chain::default() }, None));
        }
        // More than a few come only from one damaged line after the other.
        next.drain(..next.len().saturating_sub(CANDIDATES));
        self.candidates = next;
        let framing = framing.and_then(Result::ok);
        ReadLine { line: i + 1, number: n, check, body, rest: String::new(), framing }
    }

    /// The content of a line is whole: a later one was made from it.
    fn confirm(&mut self, piece: usize, line: usize) {
        if let Some(line) = self.pieces.get_mut(piece).and_then(|piece| piece.lines.get_mut(line)) {
            line.check = Check::Whole;
        }
    }
}
