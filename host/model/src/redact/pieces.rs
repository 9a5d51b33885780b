//! What is looked for of a secret: its text and its lines, in pieces of bounded length.

use std::ops::Range;

/// Shorter texts are not looked for: they would blank out half of every line and protect nothing.
pub const MIN_BYTES: usize = 4;
/// A line of a longer secret is looked for on its own from this length on.
const MIN_LINE_BYTES: usize = 8;
/// A longer text is looked for piece by piece. It bounds what has to be compared at one place of a text, how far a
/// text must be known before its start may be shown, and how much of a secret that somebody cut short is left.
const PIECE_BYTES: usize = 128;

/// Whether anything of a text is looked for. Blanks alone protect nothing.
pub(super) fn is_sought(secret: &str) -> bool {
    secret.len() >= MIN_BYTES && !secret.trim().is_empty()
}

/// Calls `found` with the place of every piece.
///
/// The text is taken without the blanks around it: they give nothing away, and tools add and drop them.
pub(super) fn each(secret: &str, mut found: impl FnMut(Range<usize>)) {
    let all = 0..secret.len();
    let core = trimmed(secret, all.clone());
    tile(secret, if core.len() < MIN_BYTES { all } else { core.clone() }, &mut found);
    let mut start = 0;
    for line in secret.split_inclusive('\n') {
        let end = start + line.len();
        let line = trimmed(secret, start..end);
        start = end;
        if line != core && line.len() >= MIN_LINE_BYTES {
            tile(secret, line, &mut found);
        }
    }
}

fn trimmed(text: &str, place: Range<usize>) -> Range<usize> {
    let inner = &text[place.clone()];
    let start = place.start + (inner.len() - inner.trim_start().len());
    start..start + inner.trim().len()
}

/// Pieces that cover a place. The last one reaches back, so that none is short.
fn tile(text: &str, place: Range<usize>, found: &mut impl FnMut(Range<usize>)) {
    let mut start = place.start;
    while place.end - start > PIECE_BYTES {
        let end = text.floor_char_boundary(start + PIECE_BYTES);
        found(start..end);
        start = end;
    }
    if start > place.start {
        start = text.floor_char_boundary(place.end - PIECE_BYTES);
    }
    found(start..place.end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(secret: &str) -> Vec<&str> {
        let mut all = Vec::new();
        each(secret, |place| all.push(&secret[place]));
        all
    }

    #[test]
    fn a_text_and_its_lines() {
        assert_eq!(of("hunter22"), ["hunter22"]);
        assert_eq!(of(" hunter22\n"), ["hunter22"]);
        assert_eq!(of(" ab\n"), [" ab\n"]);
        assert_eq!(
            of("first line\nab\n\tthird line\r\n"),
            ["first line\nab\n\tthird line", "first line", "third line"]
        );
    }

    #[test]
    fn a_long_text_is_covered_and_no_piece_is_short() {
        let secret = "é".repeat(200);
        let mut end = 0;
        each(&secret, |place| {
            assert!(
                place.start <= end && place.len() >= PIECE_BYTES - 4 && place.len() <= PIECE_BYTES + 4,
                "{place:?}"
            );
            end = place.end;
        });
        assert_eq!(end, secret.len());
    }
}
