//! JSON Pointers (RFC 6901): parsed once, bounded in depth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The deepest pointer and the deepest document that the host accepts.
pub const MAX_DEPTH: usize = 64;

/// A JSON Pointer: the keys and indices that lead to a place, from the root. The empty pointer names the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(Vec<String>);

/// Why a text is no JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// Not empty and without the leading slash.
    #[error("a JSON Pointer is empty or begins with `/`")]
    NoSlash,
    /// A `~` that `0` or `1` does not follow.
    #[error("`~` in a JSON Pointer is followed by `0` or `1`")]
    Escape,
    /// More than [`MAX_DEPTH`] parts.
    #[error("a JSON Pointer has at most {MAX_DEPTH} parts")]
    TooDeep,
}

impl Pointer {
    /// The pointer to the whole value.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses the text form.
    ///
    /// # Errors
    /// When the text is no JSON Pointer or has too many parts.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let rest = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let mut parts = Vec::new();
        for raw in rest.split('/') {
            if parts.len() == MAX_DEPTH {
                return Err(PointerError::TooDeep);
            }
            parts.push(unescape(raw)?);
        }
        Ok(Self(parts))
    }

    /// A pointer from parts that are already unescaped.
    #[must_use]
    pub fn from_parts(parts: Vec<String>) -> Self {
        Self(parts)
    }

    /// The unescaped parts.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether this names the whole value.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The pointer one step further in.
    #[must_use]
    pub fn child(&self, part: impl Into<String>) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.into());
        Self(parts)
    }

    /// Whether `other` is this place or lies inside it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.len() >= self.0.len() && other.0[..self.0.len()] == self.0[..]
    }

    /// Whether this pattern, in which `*` stands for any one part, names `other` or a place around it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.len() >= self.0.len()
            && self.0.iter().zip(&other.0).all(|(pattern, part)| pattern == "*" || pattern == part)
    }
}

fn unescape(raw: &str) -> Result<String, PointerError> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == '~' {
            match chars.next() {
                Some('0') => out.push('~'),
                Some('1') => out.push('/'),
                _ => return Err(PointerError::Escape),
            }
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            f.write_str("/")?;
            f.write_str(&part.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl Serialize for Pointer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_the_examples_of_rfc_6901() {
        for text in ["", "/foo", "/foo/0", "/", "/a~1b", "/c%d", "/m~0n", "/ "] {
            assert_eq!(Pointer::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Pointer::parse("/a~1b/m~0n").expect("valid").parts(), ["a/b", "m~n"]);
    }

    #[test]
    fn refuses_what_is_no_pointer() {
        assert_eq!(Pointer::parse("foo"), Err(PointerError::NoSlash));
        assert_eq!(Pointer::parse("/a~2"), Err(PointerError::Escape));
        assert_eq!(Pointer::parse(&"/a".repeat(65)), Err(PointerError::TooDeep));
    }

    #[test]
    fn a_pattern_covers_places_inside_it() {
        let pattern = Pointer::parse("/rules/*/secret").expect("valid");
        assert!(pattern.covers(&Pointer::parse("/rules/3/secret/0").expect("valid")));
        assert!(!pattern.covers(&Pointer::parse("/rules/3").expect("valid")));
    }
}
