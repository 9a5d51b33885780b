//! JSON Pointers (RFC 6901) into values, and the patterns with `*` that schemas use for every item of an array or a map.

use serde_json::Value;

/// Splits a pointer into its unescaped parts. The empty pointer has none.
pub(crate) fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Appends one key to a pointer, escaped.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A property as authors name it, `name`, `nested/name` or `/nested/name`, as a pointer.
pub(crate) fn from_property(property: &str) -> String {
    if property.is_empty() || property.starts_with('/') { property.to_owned() } else { format!("/{property}") }
}

/// True where `pointer` is `ancestor` or lies below it.
pub(crate) fn is_within(pointer: &str, ancestor: &str) -> bool {
    pointer.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The places in `value` that a pattern names; `*` stands for every item of an array or member of an object.
pub(crate) fn expand(value: &Value, pattern: &str) -> Vec<String> {
    let mut found = vec![(String::new(), value)];
    for part in parts(pattern) {
        found = found.into_iter().flat_map(|(at, value)| step(&at, value, &part)).collect();
    }
    found.into_iter().map(|(at, _)| at).collect()
}

fn step<'a>(at: &str, value: &'a Value, part: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(items) if part == "*" => {
            items.iter().enumerate().map(|(index, item)| (format!("{at}/{index}"), item)).collect()
        }
        Value::Object(members) if part == "*" && !members.contains_key("*") => {
            members.iter().map(|(key, member)| (join(at, key), member)).collect()
        }
        Value::Object(members) => members.get(part).map(|member| (join(at, part), member)).into_iter().collect(),
        Value::Array(items) => {
            let item = part.parse::<usize>().ok().and_then(|index| items.get(index));
            item.map(|item| (join(at, part), item)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Takes the member that a pointer names out of its object. Array items stay: removing one would move the rest.
pub(crate) fn remove(value: &mut Value, pointer: &str) {
    if let Some((parent, _)) = pointer.rsplit_once('/')
        && let (Some(Value::Object(members)), Some(key)) = (value.pointer_mut(parent), parts(pointer).pop())
    {
        members.remove(&key);
    }
}

/// Puts a value at a pointer, making objects on the way. False, and nothing changed below the obstacle, where something
/// that is no object is in the way or an array is too short.
pub(crate) fn set(value: &mut Value, pointer: &str, new: Value) -> bool {
    let mut here = value;
    for part in parts(pointer) {
        if here.is_null() {
            *here = Value::Object(serde_json::Map::new());
        }
        here = match here {
            Value::Object(members) => members.entry(part).or_insert(Value::Null),
            Value::Array(items) => match part.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return false,
            },
            _ => return false,
        };
    }
    *here = new;
    true
}

/// Sorts pointers, drops doubles and those that lead nowhere in `value`.
pub(crate) fn settle(mut pointers: Vec<String>, value: &Value) -> Vec<String> {
    pointers.retain(|pointer| value.pointer(pointer).is_some());
    pointers.sort();
    pointers.dedup();
    pointers
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_name_every_item() {
        let value = json!({"rules": [{"key": 1}, {"other": 2}, {"key": 3}], "tags": {"a/b": "x"}});
        assert_eq!(expand(&value, "/rules/*/key"), ["/rules/0/key", "/rules/2/key"]);
        assert_eq!(expand(&value, "/tags/*"), ["/tags/a~1b"]);
        assert!(expand(&value, "/absent").is_empty());
        assert_eq!(expand(&value, ""), [""]);
    }

    #[test]
    fn values_are_set_and_removed() {
        let mut value = json!({});
        assert!(set(&mut value, "/a/b", json!(1)));
        assert!(!set(&mut value, "/a/b/c", json!(2)));
        assert_eq!(value, json!({"a": {"b": 1}}));
        remove(&mut value, "/a/b");
        remove(&mut value, "/absent/b");
        remove(&mut value, "");
        assert_eq!(value, json!({"a": {}}));
    }

    #[test]
    fn marks_that_lead_nowhere_are_dropped() {
        let marks = vec!["/b".to_owned(), "/a".to_owned(), "/b".to_owned(), "/gone".to_owned()];
        assert_eq!(settle(marks, &json!({"a": 1, "b": 2})), ["/a", "/b"]);
    }

    #[test]
    fn ancestors_are_whole_parts() {
        assert!(is_within("/a/b", "/a"));
        assert!(is_within("/a", ""));
        assert!(!is_within("/ab", "/a"));
    }
}
