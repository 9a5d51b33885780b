//! Variable files as they may be shown: a diagnostic draws the line that it points at, and a value on that line may be
//! a secret. Keys, lines and byte offsets stay.

/// The text with the contents of its strings hidden; in JSON the keys of objects stay.
pub(crate) fn masked(text: &str, json: bool) -> String {
    if !json && text.contains("<<") {
        // A heredoc has no quotes around it: everything but the white space goes.
        return text
            .chars()
            .map(|c| if c.is_whitespace() { String::from(c) } else { "*".repeat(c.len_utf8()) })
            .collect();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start + 1);
        out.push_str(before);
        let end = closing(quoted);
        let (inner, after) = quoted.split_at(end);
        let is_key = json && after.get(1..).is_some_and(|after| after.trim_start().starts_with(':'));
        if is_key {
            out.push_str(inner);
        } else {
            out.extend(inner.chars().map(|c| if c == '\n' { "\n".into() } else { "*".repeat(c.len_utf8()) }));
        }
        rest = after;
        if let Some(after) = rest.strip_prefix('"') {
            out.push('"');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Where the closing quote stands.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn shows_keys_and_no_values() {
        assert_eq!(masked("a = \"hüb\\\"x\"\nb = 1\n", false), "a = \"*******\"\nb = 1\n");
        assert_eq!(masked(r#"{"k": "v", "l": ["w"]}"#, true), r#"{"k": "*", "l": ["*"]}"#);
        assert_eq!(masked("a = <<X\nkey\nX\n", false), "* * ***\n***\n*\n");
        assert_eq!(masked("a = \"open", false), "a = \"****");
    }
}
