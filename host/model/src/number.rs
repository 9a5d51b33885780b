//! Numbers of the stack language and of JSON: whole numbers are exact up to 64 bits, all others are IEEE 754 doubles.

use std::cmp::Ordering;
use std::fmt;

/// A finite number. Whole values within ±2⁵³ are always held as [`Number::Int`], so that `1` and `1.0` are equal.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Anything else; never infinite, never NaN.
    Float(f64),
}

const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// A number from a double; none for infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value.fract() == 0.0 && value.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2⁵³")]
            return Some(Self::Int(value as i64));
        }
        Some(Self::Float(value))
    }

    /// The nearest double.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// The value as a whole number, where it is one.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Float(_) => None,
        }
    }

    /// Converts a JSON number; none for one that no double can hold.
    #[must_use]
    pub fn from_json(number: &serde_json::Number) -> Option<Self> {
        number.as_i64().map(Self::Int).or_else(|| Self::from_f64(number.as_f64()?))
    }

    /// Converts to a JSON number.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        match self {
            Self::Int(value) => value.into(),
            Self::Float(value) => serde_json::Number::from_f64(value).map_or(serde_json::Value::Null, Into::into),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_doubles_equal_integers() {
        assert_eq!(Number::from_f64(3.0), Some(Number::Int(3)));
        assert_eq!(Number::from_f64(f64::NAN), None);
        assert_eq!(Number::from_f64(0.5).map(|n| n.to_string()), Some("0.5".into()));
    }
}
