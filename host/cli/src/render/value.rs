//! Values as people read them: close to how the stack language writes them, secrets and unknown places as words.

use cofferdam_model::{Data, Value};

const MAX_INLINE: usize = 72;
const MAX_LINES: usize = 12;

/// A value, in one line where it fits, else indented by `indent` spaces.
pub fn show(value: &Value, indent: usize) -> String {
    if value.is_secret() {
        return "(secret)".to_owned();
    }
    let inline = inline(value);
    if inline.chars().count() <= MAX_INLINE && !inline.contains('\n') {
        return inline;
    }
    let pad = " ".repeat(indent + 2);
    let end = " ".repeat(indent);
    match value.data() {
        Data::List(items) => {
            let items: String = items.iter().map(|item| format!("{pad}{},\n", show(item, indent + 2))).collect();
            format!("[\n{items}{end}]")
        }
        Data::Object(entries) => {
            let width = entries.keys().map(|key| key_text(key).chars().count()).max().unwrap_or(0);
            let entries: String = entries
                .iter()
                .map(|(key, value)| format!("{pad}{:width$} = {}\n", key_text(key), show(value, indent + 2)))
                .collect();
            format!("{{\n{entries}{end}}}")
        }
        Data::String(text) if text.contains('\n') => heredoc(text, indent),
        _ => inline,
    }
}

fn heredoc(text: &str, indent: usize) -> String {
    let pad = " ".repeat(indent + 2);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::from("<<-EOT\n");
    for line in lines.iter().take(MAX_LINES) {
        out.push_str(&format!("{pad}{}\n", printable(line)));
    }
    if lines.len() > MAX_LINES {
        out.push_str(&format!("{pad}… {} more lines\n", lines.len() - MAX_LINES));
    }
    out.push_str(&" ".repeat(indent));
    out.push_str("EOT");
    out
}

/// A value in one line.
pub fn inline(value: &Value) -> String {
    if value.is_secret() {
        return "(secret)".to_owned();
    }
    match value.data() {
        Data::Null => "null".to_owned(),
        Data::Unknown => "(known after deploy)".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => number.to_string(),
        Data::String(text) if text.contains('\n') => printable_lines(text),
        Data::String(text) => format!("\"{}\"", printable(&text.replace('\\', "\\\\").replace('"', "\\\""))),
        Data::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Data::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Data::Object(entries) => {
            let parts: Vec<String> =
                entries.iter().map(|(key, value)| format!("{} = {}", key_text(key), inline(value))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
    }
}

/// A key as the stack language writes it.
pub fn key_text(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { key.to_owned() } else { format!("\"{}\"", printable(&key.replace('"', "\\\""))) }
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Without control characters: a value must not drive the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::document;

    #[test]
    fn short_values_stay_in_one_line() {
        let value = document::parse(r#"{"a":[1,"x"],"b c":true}"#).expect("valid");
        assert_eq!(show(&value, 0), "{ a = [1, \"x\"], \"b c\" = true }");
    }

    #[test]
    fn secrets_and_terminal_controls_do_not_get_out() {
        assert_eq!(show(&Value::from("x\u{1b}[2J").into_secret(), 0), "(secret)");
        assert_eq!(show(&Value::from("x\u{1b}[2J"), 0), "\"x\u{fffd}[2J\"");
        assert_eq!(show(&Value::unknown(), 0), "(known after deploy)");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = show(&Value::string("line\n".repeat(40)), 2);
        assert!(shown.contains("… 28 more lines"), "{shown}");
    }
}
