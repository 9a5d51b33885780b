//! Finds the pieces of a set of secrets in bytes.
//!
//! An automaton finds the first few bytes of every piece; a search among the sorted pieces then tells the longest one
//! that stands there. So a piece costs the automaton a handful of states whatever its length, and the secrets are
//! held once.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::pieces;

/// How many bytes of a piece the automaton knows.
const ANCHOR_BYTES: usize = 8;
const NONE: u32 = u32::MAX;

/// Secrets with what finds them. Never changes once it is built.
pub(super) struct Layer {
    /// The secrets.
    pub secrets: Vec<Arc<str>>,
    /// Their length in bytes, all together.
    pub bytes: usize,
    /// The longest piece, in bytes.
    pub longest: usize,
    /// Sorted by their bytes, each once.
    pieces: Vec<Piece>,
    /// The pieces with the same anchor, in the order of the automaton's patterns.
    groups: Vec<Range<u32>>,
    /// None where there are more pieces than an automaton can hold: then nothing may be shown at all.
    anchors: Option<AhoCorasick>,
}

/// A piece, as a place in a secret. With 32 bits each: there are dozens in a private key.
struct Piece {
    secret: u32,
    start: u32,
    len: u32,
    /// The longest other piece of the group that this one starts with.
    parent: u32,
}

impl Layer {
    pub fn new(secrets: Vec<Arc<str>>) -> Self {
        let mut sorted: Vec<(&[u8], u32, u32)> = Vec::new();
        for (which, secret) in secrets.iter().enumerate() {
            pieces::each(secret, |place| {
                sorted.push((&secret.as_bytes()[place.clone()], narrow(which), narrow(place.start)));
            });
        }
        sorted.sort_unstable();
        sorted.dedup_by(|a, b| a.0 == b.0);
        let (pieces, groups) = group(&sorted);
        let anchors = AhoCorasick::builder().prefilter(false).build(groups.iter().map(|group| {
            let bytes = sorted[group.start as usize].0;
            &bytes[..bytes.len().min(ANCHOR_BYTES)]
        }));
        Self {
            bytes: secrets.iter().map(|secret| secret.len()).sum(),
            longest: sorted.iter().map(|(bytes, ..)| bytes.len()).max().unwrap_or(0),
            pieces,
            groups,
            anchors: anchors.ok(),
            secrets,
        }
    }

    /// Calls `found` with every place of a piece; of those that start at one place, the longest of each group is
    /// enough.
    pub fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        let Some(anchors) = &self.anchors else { return found(0..text.len()) };
        for hit in anchors.find_overlapping_iter(text) {
            let group = &self.groups[hit.pattern().as_usize()];
            if let Some(len) = self.longest_in(group, &text[hit.start()..]) {
                found(hit.start()..hit.start() + len);
            }
        }
    }

    /// Where the end of a text starts that may be the first part of a piece; the text's length where there is none.
    pub fn open_end(&self, text: &[u8]) -> usize {
        let first = text.len().saturating_sub(self.longest);
        (first..text.len()).find(|start| self.goes_on(&text[*start..])).unwrap_or(text.len())
    }

    /// The bytes that the automaton and the sorted pieces take, the secrets aside.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        size_of_val(self.pieces.as_slice())
            + size_of_val(self.groups.as_slice())
            + self.anchors.as_ref().map_or(0, AhoCorasick::memory_usage)
    }

    /// The length of the longest piece of a group that a text starts with.
    ///
    /// Whatever stands between such a piece and the text in the order of bytes starts with the piece too, so the piece
    /// before the text is it or leads to it.
    fn longest_in(&self, group: &Range<u32>, text: &[u8]) -> Option<usize> {
        let pieces = &self.pieces[group.start as usize..group.end as usize];
        let after = pieces.partition_point(|piece| self.text(piece) <= text);
        let mut piece = pieces.get(after.checked_sub(1)?)?;
        while !text.starts_with(self.text(piece)) {
            piece = self.pieces.get(piece.parent as usize)?;
        }
        Some(piece.len as usize)
    }

    fn goes_on(&self, end: &[u8]) -> bool {
        let after = self.pieces.partition_point(|piece| self.text(piece) <= end);
        self.pieces.get(after).is_some_and(|piece| self.text(piece).starts_with(end))
    }

    fn text(&self, piece: &Piece) -> &[u8] {
        let start = piece.start as usize;
        let secret = self.secrets.get(piece.secret as usize).map(|secret| secret.as_bytes());
        secret.and_then(|secret| secret.get(start..start + piece.len as usize)).unwrap_or_default()
    }
}

/// Sorted pieces with their parents, and the groups of those whose anchor is the same.
fn group(sorted: &[(&[u8], u32, u32)]) -> (Vec<Piece>, Vec<Range<u32>>) {
    let anchor = |at: usize| &sorted[at].0[..sorted[at].0.len().min(ANCHOR_BYTES)];
    let mut pieces = Vec::with_capacity(sorted.len());
    let mut groups: Vec<Range<u32>> = Vec::new();
    // The pieces that the present one may start with, each starting with the one before.
    let mut above: Vec<usize> = Vec::new();
    for (at, (bytes, secret, start)) in sorted.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if anchor(group.start as usize) == anchor(at) => group.end = narrow(at + 1),
            _ => {
                above.clear();
                groups.push(narrow(at)..narrow(at + 1));
            }
        }
        while above.pop_if(|parent| !bytes.starts_with(sorted[*parent].0)).is_some() {}
        let parent = above.last().map_or(NONE, |parent| narrow(*parent));
        pieces.push(Piece { secret: *secret, start: *start, len: narrow(bytes.len()), parent });
        above.push(at);
    }
    (pieces, groups)
}

/// Texts of 4 GiB and as many of them are beyond every limit of the host; what does not fit finds nothing.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secrets: &[&str], text: &str) -> Vec<Range<usize>> {
        let layer = Layer::new(secrets.iter().map(|secret| Arc::from(*secret)).collect());
        let mut all = Vec::new();
        layer.find(text.as_bytes(), |place| all.push(place));
        all
    }

    #[test]
    fn the_longest_piece_is_found_wherever_it_stands_in_the_order() {
        let secrets = ["passwordX", "passwordXab", "passwordXabzz", "passwordXz", "password", "pass"];
        assert_eq!(found(&secrets, "passwordXabzy"), [0..4, 0..11]);
        assert_eq!(found(&secrets, "passwordXabzz"), [0..4, 0..13]);
        assert_eq!(found(&secrets, "passwordY"), [0..4, 0..8]);
        assert_eq!(found(&secrets, "passwordX"), [0..4, 0..9]);
        assert!(found(&["passwordX"], "passwordY").is_empty());
    }

    #[test]
    fn pieces_that_overlap_are_all_found() {
        assert_eq!(found(&["abcdef", "defghi"], "xabcdefghi"), [1..7, 4..10]);
    }

    #[test]
    fn an_open_end_is_the_start_of_a_piece() {
        let layer = Layer::new(vec!["abc\ndef\nghi".into(), "xyzxyzxyz".into()]);
        assert_eq!(layer.open_end(b"some abc\ndef\n"), 5);
        assert_eq!(layer.open_end(b"some abc\nxef\n"), 13);
        assert_eq!(layer.open_end(b"xyzxyzxyz"), 3);
        assert_eq!(layer.open_end(b""), 0);
    }
}
