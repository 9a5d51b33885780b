//! A guest's stream, cut into lines that hold no secret, however the guest's writes and line breaks cut one.

use cofferdam_model::redact::Redactor;

/// A line that is longer becomes several.
const MAX_LINE: usize = 8 * 1024;

/// What a stream has said and nobody has been told yet, with what came before it.
#[derive(Default)]
pub(super) struct LineBuffer {
    /// The start of a character that is not whole yet.
    partial: Vec<u8>,
    text: String,
    /// How much of the text has been told. It is kept for as long as a secret may reach back to it.
    told: usize,
}

impl LineBuffer {
    /// Takes what was written and gives the lines that it ends, redacted. A line that may end within a secret waits
    /// for the next ones.
    pub fn push(&mut self, bytes: &[u8], redactor: &Redactor) -> Vec<String> {
        self.decode(bytes);
        let mut lines = Vec::new();
        if bytes.contains(&b'\n') {
            let ended = self.text.rfind('\n').map_or(0, |newline| newline + 1);
            let certain = redactor.certain(&self.text[..ended]).max(self.told);
            if let Some(newline) = self.text[self.told..certain].rfind('\n') {
                lines = self.tell(self.told + newline + 1, redactor);
            }
        }
        let margin = redactor.longest();
        while self.text.len() - self.told >= MAX_LINE + margin {
            let end = self.text.floor_char_boundary(self.told + MAX_LINE);
            lines.extend(self.tell(end, redactor));
        }
        lines
    }

    /// Gives what is left when the stream ends.
    pub fn finish(&mut self, redactor: &Redactor) -> Vec<String> {
        let partial = std::mem::take(&mut self.partial);
        self.text.push_str(&String::from_utf8_lossy(&partial));
        let lines = self.tell(self.text.len(), redactor);
        *self = Self::default();
        lines
    }

    fn decode(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let cut = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if cut && chunks.peek().is_none() {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Tells the text up to a place, and forgets what no secret can reach back to.
    fn tell(&mut self, end: usize, redactor: &Redactor) -> Vec<String> {
        let shown = redactor.redact_part(&self.text, self.told..end);
        self.told = end;
        let past = self.text.floor_char_boundary(self.told.saturating_sub(redactor.longest()));
        self.text.drain(..past);
        self.told -= past;
        shown.lines().flat_map(chunks).map(str::to_owned).collect()
    }
}

/// A line in parts that a log line can hold.
fn chunks(mut line: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (first, rest) = line.split_at(line.floor_char_boundary(MAX_LINE.min(line.len())));
        line = rest;
        (!first.is_empty()).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(secret: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.learn_text(secret);
        redactor
    }

    /// What is told of writes, one after the other, and at the end.
    fn told(redactor: &Redactor, writes: &[&[u8]]) -> Vec<String> {
        let mut buffer = LineBuffer::default();
        let mut lines: Vec<String> = writes.iter().flat_map(|write| buffer.push(write, redactor)).collect();
        lines.extend(buffer.finish(redactor));
        lines
    }

    #[test]
    fn a_line_is_told_when_it_ends() {
        let redactor = knowing("hunter22");
        let mut buffer = LineBuffer::default();
        assert!(buffer.push(b"one, ", &redactor).is_empty());
        assert_eq!(buffer.push(b"two\nthree\n\nfo", &redactor), ["one, two", "three"]);
        assert_eq!(buffer.push(b"ur\xff\n", &redactor), ["four\u{fffd}"]);
        assert_eq!(buffer.push("ü\n".as_bytes().split_at(1).0, &redactor), [""; 0]);
        assert_eq!(buffer.push("ü\n".as_bytes().split_at(1).1, &redactor), ["ü"]);
        assert_eq!(buffer.finish(&redactor), [""; 0]);
    }

    #[test]
    fn a_secret_over_two_writes_is_hidden() {
        assert_eq!(told(&knowing("hunter22"), &[b"a hunt", b"er22 b\n"]), ["a (secret) b"]);
    }

    #[test]
    fn a_secret_over_two_lines_is_hidden() {
        let redactor = knowing("ab\ncd\nefghijkl\nmn");
        assert_eq!(told(&redactor, &[b"x ab\n", b"cd\nefghijkl\n", b"mn y\nz\n"]), ["x (secret) y", "z"]);
        // What only looked like the start of it is told once that is clear.
        let mut buffer = LineBuffer::default();
        assert!(buffer.push(b"x ab\n", &redactor).is_empty());
        assert_eq!(buffer.push(b"cx\n", &redactor), ["x ab", "cx"]);
    }

    #[test]
    fn a_secret_at_the_end_of_an_overlong_line_is_hidden() {
        let redactor = knowing("correct-horse-battery-staple");
        for lead in MAX_LINE - 30..MAX_LINE + 2 {
            let line = format!("{}correct-horse-battery-staple{}", "x".repeat(lead), "y".repeat(MAX_LINE));
            let writes: Vec<&[u8]> = line.as_bytes().chunks(1000).collect();
            let lines = told(&redactor, &writes);
            assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= MAX_LINE + 16));
            assert!(!lines.concat().contains("corr") && !lines.concat().contains("aple"), "{lead}");
        }
    }

    #[test]
    fn little_is_kept() {
        let redactor = knowing("hunter22");
        let mut buffer = LineBuffer::default();
        for _ in 0..1000 {
            buffer.push(&[b'x'; 1000], &redactor);
            buffer.push(b"y\n", &redactor);
            assert!(buffer.text.len() <= 2 * MAX_LINE);
        }
    }
}
