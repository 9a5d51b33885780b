//! Puts the marker in the place of what was found.

use std::ops::Range;

use super::SHOWN;

/// The part of a text with the marker for everything in it that was found; none where nothing was.
///
/// What touches becomes one marker, and so does a marker that the text has already: what was found inside of one is
/// the marker's own text.
pub(super) fn hide(text: &str, mut found: Vec<Range<usize>>, part: Range<usize>) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    let markers: Vec<_> = text.match_indices(SHOWN).map(|(start, marker)| start..start + marker.len()).collect();
    found.retain(|place| {
        let before = markers[..markers.partition_point(|marker| marker.start <= place.start)].last();
        before.is_none_or(|marker| marker.end < place.end)
    });
    if found.is_empty() {
        return None;
    }
    found.extend(markers);
    found.sort_unstable_by_key(|place| place.start);
    found.dedup_by(|next, place| {
        let touches = next.start <= place.end;
        if touches {
            place.end = place.end.max(next.end);
        }
        touches
    });
    let mut out = String::with_capacity(part.len());
    let mut at = part.start;
    for place in found.iter().filter(|place| place.end > part.start && place.start < part.end) {
        out.push_str(&text[at..text.floor_char_boundary(place.start).max(at)]);
        out.push_str(SHOWN);
        at = text.ceil_char_boundary(place.end).max(at);
    }
    out.push_str(text.get(at..part.end).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "the places are ranges")]
mod tests {
    use super::*;

    #[test]
    fn what_touches_becomes_one_marker() {
        let hide = |text: &str, found: &[Range<usize>]| hide(text, found.to_vec(), 0..text.len());
        assert_eq!(hide("abcdefgh", &[]), None);
        assert_eq!(hide("abcdefgh", &[4..6, 0..2, 1..3]).as_deref(), Some("(secret)d(secret)gh"));
        assert_eq!(hide("abcdefgh", &[0..2, 2..4]).as_deref(), Some("(secret)efgh"));
        assert_eq!(hide("a(secret)b", &[2..8]), None);
        assert_eq!(hide("a(secret)b", &[8..10]).as_deref(), Some("a(secret)"));
    }

    #[test]
    fn a_part_never_shows_what_lies_across_its_border() {
        let part = |part| hide("abcdefgh", vec![2..6], part).expect("something is hidden");
        assert_eq!(part(0..3), "ab(secret)");
        assert_eq!(part(3..8), "(secret)gh");
        assert_eq!(part(3..4), "(secret)");
        assert_eq!(part(0..1), "a");
    }
}
