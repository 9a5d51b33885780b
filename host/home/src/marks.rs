//! The marks of values, kept beside their JSON text: ciphertexts of the secret places and a list of the unknown ones,
//! by pointers into the record that they stand in. [`Sealer`] takes a record apart, [`Opener`] puts it together.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cofferdam_model::pointer::MAX_DEPTH;
use cofferdam_model::{Data, Pointer, Value};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::SealError;
use crate::vault::{OpenError, Scope, Vault};
use crate::written::{Plain, Secrets, Written};

/// The plaintext of a secret value is filled up to a multiple of this, so that its ciphertext tells little of its
/// length.
const PADDING: usize = 32;

/// The marks of one record.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Marks {
    /// Ciphertexts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secret: BTreeMap<String, String>,
    /// Places that were not known.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unknown: BTreeSet<String>,
    /// Secret places whose values stand in the text: in documents that were asked for so, and in texts that are
    /// encrypted as a whole.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    clear: BTreeSet<String>,
    /// Bytes that were taken aside, in base64, in the same texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bytes: BTreeMap<String, String>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.secret.is_empty() && self.unknown.is_empty() && self.clear.is_empty() && self.bytes.is_empty()
    }
}

/// The plaintext of a secret place: its JSON text and the marks inside it.
#[derive(Serialize)]
struct SecretText<'a> {
    value: Written<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

#[derive(Deserialize)]
struct SecretRead {
    value: Plain,
    #[serde(default)]
    secret: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
}

/// What becomes of secrets: encrypted, or left in the text and marked.
#[derive(Clone, Copy)]
pub(crate) struct Sealing<'a> {
    pub vault: &'a Vault,
    pub secrets: Secrets,
}

impl<'a> Sealing<'a> {
    pub(crate) fn sealer<'s>(self, scope: Scope<'s>) -> Sealer<'s>
    where
        'a: 's,
    {
        Sealer { secrets: self.secrets, ..Sealer::new(self.vault, scope) }
    }
}

/// Encrypts the secrets of one record.
pub(crate) struct Sealer<'a> {
    vault: &'a Vault,
    scope: Scope<'a>,
    marks: Marks,
    secrets: Secrets,
}

impl<'a> Sealer<'a> {
    pub(crate) fn new(vault: &'a Vault, scope: Scope<'a>) -> Self {
        Self { vault, scope, marks: Marks::default(), secrets: Secrets::Left }
    }

    /// The text of a value that stands at `root`, its secrets taken aside.
    pub(crate) fn value<'v>(&mut self, root: &str, value: &'v Value) -> Result<Written<'v>, SealError> {
        let mut found = Vec::new();
        let mut path = root.to_owned();
        walk(value, &mut path, 0, &mut |place, mark, path| {
            found.push((place, mark, path.to_owned()));
            // What lies inside a secret goes into its plaintext.
            mark == Mark::Unknown || self.secrets == Secrets::Included
        })?;
        for (place, mark, pointer) in found {
            match mark {
                Mark::Unknown => {
                    self.marks.unknown.insert(pointer);
                }
                Mark::Secret if self.secrets == Secrets::Included => {
                    self.marks.clear.insert(pointer);
                }
                Mark::Secret => {
                    let plain = secret_text(place)?;
                    self.bytes(&pointer, &plain)?;
                }
            }
        }
        Ok(Written::new(value, self.secrets))
    }

    /// Takes bytes aside, without a text.
    pub(crate) fn bytes(&mut self, pointer: &str, plain: &[u8]) -> Result<(), SealError> {
        if self.secrets == Secrets::Included {
            self.marks.bytes.insert(pointer.to_owned(), STANDARD_NO_PAD.encode(plain));
            return Ok(());
        }
        let text = self.vault.seal(&self.scope, pointer, plain)?;
        self.marks.secret.insert(pointer.to_owned(), text);
        Ok(())
    }

    pub(crate) fn finish(self) -> Marks {
        self.marks
    }
}

fn secret_text(place: &Value) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (mut secret, mut unknown) = (Vec::new(), Vec::new());
    walk(place, &mut String::new(), 0, &mut |_, mark, path| {
        match mark {
            // The whole is secret anyway.
            Mark::Secret if path.is_empty() => {}
            Mark::Secret => secret.push(path.to_owned()),
            Mark::Unknown => unknown.push(path.to_owned()),
        }
        true
    })?;
    let text = SecretText { value: Written::new(place, Secrets::Included), secret, unknown };
    let mut plain = Zeroizing::new(serde_json::to_vec(&text).expect("values of JSON's kinds are JSON"));
    // JSON ends in spaces as it likes.
    let filled = plain.len().next_multiple_of(PADDING);
    plain.resize(filled, b' ');
    Ok(plain)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Secret,
    Unknown,
}

/// Calls `visit` with every marked place and its pointer, outer ones first; into a marked place only if it says so.
fn walk<'v>(
    value: &'v Value,
    path: &mut String,
    depth: usize,
    visit: &mut dyn FnMut(&'v Value, Mark, &str) -> bool,
) -> Result<(), SealError> {
    if depth > MAX_DEPTH {
        return Err(SealError::TooDeep(path.chars().take(80).collect()));
    }
    if value.is_secret() && !visit(value, Mark::Secret, path) {
        return Ok(());
    }
    let length = path.len();
    match value.data() {
        Data::Unknown => {
            visit(value, Mark::Unknown, path);
        }
        Data::List(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push('/');
                path.push_str(&i.to_string());
                walk(item, path, depth + 1, visit)?;
                path.truncate(length);
            }
        }
        Data::Object(entries) => {
            for (key, item) in entries.iter() {
                path.push('/');
                match key.contains(['~', '/']) {
                    true => path.push_str(&key.replace('~', "~0").replace('/', "~1")),
                    false => path.push_str(key),
                }
                walk(item, path, depth + 1, visit)?;
                path.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Decrypts the secrets of one record.
pub(crate) struct Opener<'a> {
    vault: &'a Vault,
    scope: Scope<'a>,
    marks: Marks,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(vault: &'a Vault, scope: Scope<'a>, marks: Marks) -> Self {
        Self { vault, scope, marks }
    }

    /// The value that stands at `root`, with its marks.
    pub(crate) fn value(&mut self, root: &str, Plain(mut value): Plain) -> Result<Value, OpenError> {
        if self.marks.is_empty() {
            return Ok(value);
        }
        for pointer in inside(self.marks.unknown.range(root.to_owned()..), root) {
            *place(&mut value, &pointer[root.len()..])? = Value::unknown();
            self.marks.unknown.remove(&pointer);
        }
        for pointer in inside(self.marks.secret.range(root.to_owned()..).map(|(pointer, _)| pointer), root) {
            let place = place(&mut value, &pointer[root.len()..])?;
            let plain = self.bytes(&pointer)?.unwrap_or_default();
            // The parser's words would quote the secret.
            let read: SecretRead = serde_json::from_slice(&plain)
                .map_err(|_| OpenError::Damaged(format!("the secret at `{pointer}` is not what was written")))?;
            *place = read.restore()?;
        }
        for pointer in inside(self.marks.clear.range(root.to_owned()..), root) {
            let place = place(&mut value, &pointer[root.len()..])?;
            *place = std::mem::replace(place, Value::null()).into_secret();
            self.marks.clear.remove(&pointer);
        }
        Ok(value)
    }

    /// The bytes that were taken aside at a pointer; none where there are none.
    pub(crate) fn bytes(&mut self, pointer: &str) -> Result<Option<Zeroizing<Vec<u8>>>, OpenError> {
        if let Some(text) = self.marks.bytes.remove(pointer) {
            let wrong = |_| OpenError::Damaged(format!("the bytes at `{pointer}` are no base64"));
            return STANDARD_NO_PAD.decode(text).map_err(wrong).map(|bytes| Some(Zeroizing::new(bytes)));
        }
        match self.marks.secret.remove(pointer) {
            Some(text) => self.vault.open(&self.scope, pointer, &text).map(Some),
            None => Ok(None),
        }
    }

    /// Checks that every mark found its place.
    pub(crate) fn finish(self) -> Result<(), OpenError> {
        let Marks { secret, unknown, clear, bytes } = &self.marks;
        match secret.keys().chain(unknown).chain(clear).chain(bytes.keys()).next() {
            Some(pointer) => Err(no_place(pointer)),
            None => Ok(()),
        }
    }
}

impl SecretRead {
    fn restore(self) -> Result<Value, OpenError> {
        let Plain(mut value) = self.value;
        for pointer in &self.unknown {
            *place(&mut value, pointer)? = Value::unknown();
        }
        for pointer in &self.secret {
            let place = place(&mut value, pointer)?;
            *place = std::mem::replace(place, Value::null()).into_secret();
        }
        Ok(value.into_secret())
    }
}

/// Those of the sorted pointers from `root` on that name `root` or a place inside it.
fn inside<'m>(pointers: impl Iterator<Item = &'m String>, root: &str) -> Vec<String> {
    pointers
        .take_while(|pointer| pointer.starts_with(root))
        .filter(|pointer| pointer.len() == root.len() || pointer.as_bytes()[root.len()] == b'/')
        .cloned()
        .collect()
}

fn place<'v>(value: &'v mut Value, pointer: &str) -> Result<&'v mut Value, OpenError> {
    Pointer::parse(pointer).ok().and_then(|parsed| value.at_mut(&parsed)).ok_or_else(|| no_place(pointer))
}

fn no_place(pointer: &str) -> OpenError {
    OpenError::Damaged(format!("a mark at `{pointer}` leads nowhere"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Kind;

    const STATE: Kind<'static> = Kind::State { lineage: "ab", serial: 3 };

    fn scope(kind: Kind<'static>) -> Scope<'static> {
        Scope { stack: "shop", stage: "dev", kind, class: "resource", subject: "a.b" }
    }

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn value() -> Value {
        let inner = object(&[("b~/", Value::from("inner").into_secret()), ("c", Value::unknown())]);
        object(&[
            ("a/b", Value::list(vec![Value::from(1).into_secret(), "clear".into()])),
            ("nested", inner.into_secret()),
            ("unknown", Value::unknown()),
            ("null", Value::null().into_secret()),
        ])
    }

    fn seal(vault: &Vault, scope: Scope<'_>, value: &Value) -> (String, Marks) {
        let mut sealer = Sealer::new(vault, scope);
        let text = serde_json::to_string(&sealer.value("/inputs", value).expect("seals")).expect("writes");
        (text, sealer.finish())
    }

    fn open(vault: &Vault, scope: Scope<'_>, text: &str, marks: Marks) -> Result<Value, OpenError> {
        let mut opener = Opener::new(vault, scope, marks);
        let value = opener.value("/inputs", serde_json::from_str(text).expect("reads"))?;
        opener.finish().map(|()| value)
    }

    #[test]
    fn all_marks_come_back() {
        let root = tempfile::tempdir().expect("temporary directory");
        for value in [value(), value().into_secret(), Value::unknown(), Value::unknown().into_secret()] {
            let vault = Vault::of_tests(root.path());
            let (text, marks) = seal(&vault, scope(STATE), &value);
            assert!(!text.contains("inner") && !text.contains('1'), "{text}");
            let back = open(&vault, scope(STATE), &text, marks).expect("opens");
            assert!(back == value, "{back:?}");
        }
    }

    #[test]
    fn a_secret_opens_only_in_its_place() {
        let root = tempfile::tempdir().expect("temporary directory");
        let vault = Vault::of_tests(root.path());
        let here = scope(STATE);
        let elsewhere = [
            scope(Kind::Journal),
            scope(Kind::State { lineage: "ab", serial: 4 }),
            scope(Kind::State { lineage: "cd", serial: 3 }),
            Scope { stack: "other", ..here },
            Scope { stage: "prod", ..here },
            Scope { subject: "a.c", ..here },
            Scope { class: "operation", ..here },
        ];
        for scope in elsewhere {
            let (text, marks) = seal(&vault, here, &value());
            assert!(matches!(open(&vault, scope, &text, marks), Err(OpenError::Damaged(_))), "{scope:?}");
        }
        let (text, mut marks) = seal(&vault, here, &value());
        let sealed = marks.secret.remove("/inputs/null").expect("sealed");
        marks.secret.insert("/inputs/unknown".into(), sealed);
        assert!(matches!(open(&vault, here, &text, marks), Err(OpenError::Damaged(_))));
    }

    #[test]
    fn equal_secrets_look_different_and_short_ones_alike() {
        let root = tempfile::tempdir().expect("temporary directory");
        let vault = Vault::of_tests(root.path());
        let value = Value::list(["x", "x", "hunter2"].map(|text| Value::from(text).into_secret()).into());
        let (_, marks) = seal(&vault, scope(STATE), &value);
        let texts: Vec<&String> = marks.secret.values().collect();
        assert_ne!(texts[0], texts[1]);
        assert_eq!(texts[0].len(), texts[2].len());
    }

    #[test]
    fn a_value_that_could_not_be_read_back_is_refused() {
        let root = tempfile::tempdir().expect("temporary directory");
        let deep = |levels| (0..levels).fold(Value::null(), |value, _| Value::list(vec![value]));
        let vault = Vault::of_tests(root.path());
        let mut sealer = Sealer::new(&vault, scope(STATE));
        sealer.value("/inputs", &deep(MAX_DEPTH)).expect("as deep as a document");
        assert!(matches!(sealer.value("/inputs", &deep(MAX_DEPTH + 1)), Err(SealError::TooDeep(_))));
        let (text, marks) = seal(&vault, scope(STATE), &deep(MAX_DEPTH).into_secret());
        open(&vault, scope(STATE), &text, marks).expect("opens");
    }
}
