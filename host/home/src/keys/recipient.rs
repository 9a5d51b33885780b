//! Who a data key is wrapped for: an age or SSH public key, as one line of text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest text of a recipient: an SSH key of 16384 bits with a comment.
const MAX_BYTES: usize = 4096;

/// A public key that data keys are wrapped for. Public: whoever has the private key opens every secret of the home.
#[derive(Clone)]
pub struct Recipient {
    /// Without a comment.
    text: String,
    /// What stands behind an SSH key: mostly `user@host`.
    comment: Option<String>,
    pub(super) key: Arc<PublicKey>,
}

pub(super) enum PublicKey {
    Age(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

/// A text that is no recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no recipient: {why}")]
pub struct RecipientError {
    text: String,
    why: String,
}

impl RecipientError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        if self.text.starts_with("arn:") || self.text.starts_with("aws-kms:") {
            return "a key of AWS KMS is named in the `stack` block, for everybody who works with it: \
                    encryption = { kms = { key = \"arn:…\" } }; `cofferdam key add-recipient` then lets it in";
        }
        "a recipient is a public key: `age1…` of age-keygen, or a line `ssh-ed25519 AAAA…` or `ssh-rsa AAAA…` of a \
         `.pub` file"
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
        let fail = |why: String| Err(RecipientError { text: shown.clone(), why });
        if text.starts_with("AGE-SECRET-KEY-") {
            // Not quoted: it is a secret.
            let text = "AGE-SECRET-KEY-…".to_owned();
            return Err(RecipientError { text, why: "it is a private key".to_owned() });
        }
        if text.len() > MAX_BYTES || text.contains(char::is_control) {
            return fail("it is no single line of text".to_owned());
        }
        if text.starts_with("age1") {
            return match text.parse::<age::x25519::Recipient>() {
                Ok(key) => Ok(Self { text: text.to_owned(), comment: None, key: Arc::new(PublicKey::Age(key)) }),
                Err(why) => fail(why.to_owned()),
            };
        }
        let mut words = text.splitn(3, ' ');
        let (Some(kind), Some(body)) = (words.next(), words.next()) else {
            return fail("it is of no kind that keys can be wrapped for".to_owned());
        };
        let comment = words.next().map(str::trim).filter(|comment| !comment.is_empty()).map(str::to_owned);
        let text = format!("{kind} {body}");
        use age::ssh::ParseRecipientKeyError as Ssh;
        match text.parse::<age::ssh::Recipient>() {
            Ok(key) => Ok(Self { text, comment, key: Arc::new(PublicKey::Ssh(key)) }),
            Err(Ssh::RsaModulusTooSmall) => fail("an RSA key of less than 2048 bits is weak".to_owned()),
            Err(Ssh::RsaModulusTooLarge) => fail("an RSA key of more than 4096 bits is not supported".to_owned()),
            Err(Ssh::Unsupported(kind)) => fail(format!("keys of kind `{kind}` cannot be wrapped for")),
            Err(_) => fail("it is of no kind that keys can be wrapped for".to_owned()),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.comment.as_ref().map_or(Ok(()), |comment| write!(f, " {comment}"))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// The same key; comments do not count.
impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl Recipient {
    pub(super) fn of_age(key: age::x25519::Recipient) -> Self {
        Self { text: key.to_string(), comment: None, key: Arc::new(PublicKey::Age(key)) }
    }

    pub(super) fn of_ssh(key: age::ssh::Recipient) -> Self {
        Self { text: key.to_string(), comment: None, key: Arc::new(PublicKey::Ssh(key)) }
    }

    pub(super) fn is_ssh(&self) -> bool {
        matches!(*self.key, PublicKey::Ssh(_))
    }

    /// The key itself, without a comment.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.text
    }

    /// What stands behind an SSH key: mostly `user@host`.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// How people tell it from others: the comment of an SSH key where it has one, else the key, shortened where it is
    /// long.
    #[must_use]
    pub fn shown(&self) -> String {
        if let Some(comment) = &self.comment {
            return format!("{} ({comment})", self.text.split(' ').next().unwrap_or_default());
        }
        match self.text.char_indices().nth_back(11) {
            Some((end, _)) if self.text.len() > 80 => format!("{}…{}", &self.text[..16], &self.text[end..]),
            _ => self.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn comments_do_not_count() {
        let with: Recipient = format!("{SSH} ada@laptop\n").parse().expect("valid");
        let without: Recipient = SSH.parse().expect("valid");
        assert_eq!(with, without);
        assert_eq!(
            (with.to_string(), with.shown().as_str()),
            (format!("{SSH} ada@laptop"), "ssh-ed25519 (ada@laptop)")
        );
        let age: Recipient = age::x25519::Identity::generate().to_public().to_string().parse().expect("valid");
        assert!(age.shown() == age.key() && !age.is_ssh());
    }

    #[test]
    fn what_is_no_recipient_says_why() {
        for (text, why) in [
            ("AGE-SECRET-KEY-1QQQQ", "it is a private key"),
            ("age1qqqq", ""),
            ("ssh-dss AAAAB3NzaC1kc3M=", ""),
            ("ssh-ed25519 AAAA", "it is of no kind that keys can be wrapped for"),
            ("hunter2", "it is of no kind that keys can be wrapped for"),
            ("age1\nage1", "it is no single line of text"),
        ] {
            let error = text.parse::<Recipient>().expect_err(text);
            assert!(error.why.contains(why) && !error.to_string().contains("1QQQQ"), "{error}");
        }
    }
}
