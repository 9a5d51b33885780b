//! A text as its usual decoders would read it, and where in the text everything stands.

use std::borrow::Cow;
use std::ops::Range;

/// What an ordinary encoder makes of one byte, at most: six bytes in JSON or HTML, some more where it does so twice.
pub(super) const EXPANSION: usize = 8;

/// The bytes that a text stands for.
pub(super) struct View<'t> {
    pub bytes: Cow<'t, [u8]>,
    /// Where each byte starts in the text, and the text's end; none where the bytes are the text.
    starts: Option<Vec<usize>>,
}

/// Reads the escape that a text starts with: appends what it stands for and gives its length; 0 where there is none.
type Escape = fn(&[u8], &mut Vec<u8>) -> usize;

impl<'t> View<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), starts: None }
    }

    /// The place in the text that some of the bytes come from.
    pub fn source(&self, place: Range<usize>) -> Range<usize> {
        self.start(place.start)..self.start(place.end)
    }

    fn start(&self, at: usize) -> usize {
        self.starts.as_ref().map_or(at, |starts| starts[at])
    }

    /// The view without one kind of escapes; none where there are no such escapes.
    fn without(&self, marks: &[u8], escape: Escape) -> Option<View<'static>> {
        let first = self.bytes.iter().position(|byte| marks.contains(byte))?;
        let mut bytes = self.bytes[..first].to_vec();
        let mut starts: Vec<usize> = (0..first).map(|at| self.start(at)).collect();
        let (mut at, mut any) = (first, false);
        while let Some(byte) = self.bytes.get(at) {
            let taken = if marks.contains(byte) { escape(&self.bytes[at..], &mut bytes) } else { 0 };
            any |= taken > 0;
            if taken == 0 {
                bytes.push(*byte);
            }
            starts.resize(bytes.len(), self.start(at));
            at += taken.max(1);
        }
        starts.push(self.start(self.bytes.len()));
        any.then_some(View { bytes: Cow::Owned(bytes), starts: Some(starts) })
    }
}

/// Calls `visit` with the text as it is, and with what it is without each kind of escapes that it has.
pub(super) fn views(text: &str, mut visit: impl FnMut(&View<'_>)) {
    let plain = View::of(text.as_bytes());
    visit(&plain);
    if let Some(once) = plain.without(b"\\", backslash) {
        visit(&once);
        // An error in JSON that quotes an answer in JSON.
        once.without(b"\\", backslash).iter().for_each(&mut visit);
    }
    let others: [(&[u8], Escape); 4] = [(b"%", percent), (b"%+", form), (b"&", entity), (b"'", quote)];
    for (marks, escape) in others {
        plain.without(marks, escape).iter().for_each(&mut visit);
    }
}

/// JSON, and what C, Rust and shells have beyond it.
fn backslash(text: &[u8], out: &mut Vec<u8>) -> usize {
    let byte = match text.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'0') => 0,
        Some(b'u') => return unicode(text, out),
        Some(b'x') => return if hex_byte(text.get(2..4), out) { 4 } else { 0 },
        Some(other) if other.is_ascii_punctuation() || *other == b' ' => *other,
        _ => return 0,
    };
    out.push(byte);
    2
}

/// `\u00e9`, two of them where a character needs two, and Rust's `\u{e9}`.
fn unicode(text: &[u8], out: &mut Vec<u8>) -> usize {
    let unit = |at: usize| (text.get(at..at + 2)? == br"\u").then(|| number(text.get(at + 2..at + 6), 16)).flatten();
    let braced = || {
        let len = text.iter().skip(3).take(7).position(|byte| *byte == b'}')?;
        Some((number(text.get(3..3 + len), 16)?, len + 4))
    };
    let read = if text.get(2) == Some(&b'{') {
        braced()
    } else {
        match (unit(0), unit(6)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                Some((0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12))
            }
            (first, _) => first.map(|first| (first, 6)),
        }
    };
    push_char(read, out)
}

fn percent(text: &[u8], out: &mut Vec<u8>) -> usize {
    if hex_byte(text.get(1..3), out) { 3 } else { 0 }
}

/// Percent escapes as forms have them.
fn form(text: &[u8], out: &mut Vec<u8>) -> usize {
    if text.first() == Some(&b'+') {
        out.push(b' ');
        return 1;
    }
    percent(text, out)
}

/// HTML and XML.
fn entity(text: &[u8], out: &mut Vec<u8>) -> usize {
    let Some(end) = text.iter().take(10).position(|byte| *byte == b';') else { return 0 };
    let code = match &text[1..end] {
        b"amp" => Some(u32::from('&')),
        b"lt" => Some(u32::from('<')),
        b"gt" => Some(u32::from('>')),
        b"quot" => Some(u32::from('"')),
        b"apos" => Some(u32::from('\'')),
        [b'#', b'x' | b'X', digits @ ..] => number(Some(digits), 16),
        [b'#', digits @ ..] => number(Some(digits), 10),
        _ => None,
    };
    push_char(code.map(|code| (code, end + 1)), out)
}

/// A single quote inside of single quotes, as shells, YAML and SQL write it.
fn quote(text: &[u8], out: &mut Vec<u8>) -> usize {
    let escapes: [&[u8]; 3] = [br"'\''", br#"'"'"'"#, b"''"];
    let Some(found) = escapes.into_iter().find(|escape| text.starts_with(escape)) else { return 0 };
    out.push(b'\'');
    found.len()
}

fn hex_byte(digits: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    let byte = number(digits, 16).and_then(|number| u8::try_from(number).ok());
    out.extend(byte);
    byte.is_some()
}

fn push_char(read: Option<(u32, usize)>, out: &mut Vec<u8>) -> usize {
    let read = read.and_then(|(code, taken)| Some((char::from_u32(code)?, taken)));
    let Some((char, taken)) = read else { return 0 };
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    taken
}

fn number(digits: Option<&[u8]>, base: u32) -> Option<u32> {
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()
}

/// Bytes that digits may stand for.
pub(super) struct Packed<'r> {
    pub bytes: &'r [u8],
    text: &'r [u8],
    /// Where the digits stand in the text.
    digits: &'r [usize],
    bits: usize,
}

impl Packed<'_> {
    /// The place of all digits that hold a bit of some of the bytes, and of the padding behind them.
    pub fn source(&self, place: &Range<usize>) -> Range<usize> {
        let first = self.digits[place.start * 8 / self.bits];
        let end = self.digits[(place.end * 8).div_ceil(self.bits) - 1] + 1;
        let padding = self.text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        first..end + padding
    }
}

/// Calls `visit` with what every run of digits stands for, in base64 with either alphabet and in hexadecimal, wherever
/// in it the encoded text may have begun. Line breaks inside of a run are passed over, with the blanks after them.
pub(super) fn packed(text: &[u8], shortest: usize, mut visit: impl FnMut(&Packed<'_>)) {
    for (bits, value) in [(6, base64_digit as fn(u8) -> Option<u8>), (4, hex_digit)] {
        let least = (shortest * 8).div_ceil(bits);
        runs(text, value, |values, places| {
            // The encoded text began at some digit that stands for the first bits of a byte.
            for skipped in 0..(if bits == 6 { 4 } else { 2 }) {
                if values.len() >= least + skipped {
                    let bytes = unpack(&values[skipped..], bits);
                    visit(&Packed { bytes: &bytes, text, digits: &places[skipped..], bits });
                }
            }
        });
    }
}

fn runs(text: &[u8], value: fn(u8) -> Option<u8>, mut visit: impl FnMut(&[u8], &[usize])) {
    let (mut values, mut places) = (Vec::new(), Vec::new());
    let mut broken = false;
    for (at, byte) in text.iter().enumerate() {
        if let Some(value) = value(*byte) {
            values.push(value);
            places.push(at);
            broken = false;
        } else if matches!(byte, b'\r' | b'\n') || (broken && matches!(byte, b' ' | b'\t')) {
            broken = true;
        } else {
            visit(&values, &places);
            values.clear();
            places.clear();
            broken = false;
        }
    }
    visit(&values, &places);
}

fn unpack(values: &[u8], bits: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * bits / 8);
    let (mut held, mut count) = (0_u32, 0);
    for value in values {
        held = (held << bits) | u32::from(*value);
        count += bits;
        if count >= 8 {
            count -= 8;
            let [low, ..] = (held >> count).to_le_bytes();
            bytes.push(low);
        }
    }
    bytes
}

fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
