//! What AWS KMS says, sorted by what follows from it, and what to do about it.

use crate::aws::{Answer, Cause, Fault};
use crate::keys::WrapError;

use super::KmsSettings;

/// What is asked of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Encrypt,
    Decrypt,
}

impl Action {
    /// The permission that it needs.
    fn permission(self) -> &'static str {
        match self {
            Self::Encrypt => "kms:Encrypt",
            Self::Decrypt => "kms:Decrypt",
        }
    }
}

/// What only KMS says.
pub(super) fn cause(answer: &Answer<'_>) -> Option<Cause> {
    Some(match answer.code {
        "NotFoundException" | "InvalidArnException" => Cause::NoKey,
        "DisabledException" | "KMSInvalidStateException" => Cause::KeyOff,
        "InvalidKeyUsageException" | "UnsupportedOperationException" => Cause::WrongKeyKind,
        "IncorrectKeyException" | "InvalidCiphertextException" => Cause::NotOurs,
        "DependencyTimeoutException" | "KeyUnavailableException" | "KMSInternalException" => Cause::Busy,
        _ => return None,
    })
}

/// What a person reads of a fault.
pub(super) fn error(fault: &Fault, action: Action, settings: &KmsSettings) -> WrapError {
    WrapError { said: fault.text.clone(), hint: hint(fault, action, settings) }
}

fn hint(fault: &Fault, action: Action, settings: &KmsSettings) -> Option<String> {
    let (key, access) = (&settings.key, settings.access());
    let region = access.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
    Some(match fault.cause {
        Cause::Denied => format!(
            "allow `{}` on `{key}`, in the key's policy or, where that leaves it to IAM, in a policy of yours; or open \
             the home with an identity that the key is not needed for",
            action.permission()
        ),
        Cause::NoKey => format!(
            "correct the key, or its region; which there are: aws kms list-aliases{region}; where it was deleted, \
             somebody who opens the home without it removes it: cofferdam key remove-recipient {}",
            settings.id()
        ),
        Cause::KeyOff => format!(
            "make it usable again, if it should be: aws kms enable-key --key-id {key}{region}, before that aws kms \
             cancel-key-deletion where it is to be deleted; or remove it: cofferdam key remove-recipient {}",
            settings.id()
        ),
        Cause::WrongKeyKind => {
            format!("name a symmetric key that encrypts and decrypts; to make one: aws kms create-key{region}")
        }
        Cause::NotOurs => "where an alias leads to another key now, name the ARN of the key itself; else the keyring \
                           was changed: restore it from a backup"
            .to_owned(),
        _ => return fault.hint_of_access(&access),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AwsAccess;

    const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234";

    fn said(code: &str, action: Action) -> WrapError {
        let answer = Answer { status: 400, code, message: "text", ..Answer::default() };
        error(&answer.fault(cause), action, &KmsSettings { key: ARN.to_owned(), access: AwsAccess::default() })
    }

    #[test]
    fn hints_can_be_acted_on() {
        for (code, hint) in [
            ("AccessDeniedException", "allow `kms:Decrypt` on `arn:aws:kms:eu-west-1:123456789012:key/1234`"),
            ("NotFoundException", "aws kms list-aliases --region eu-west-1"),
            ("NotFoundException", "cofferdam key remove-recipient aws-kms:arn:aws:kms:eu-west-1:123456789012:key/1234"),
            ("DisabledException", "aws kms enable-key --key-id arn:aws:kms:eu-west-1:123456789012:key/1234"),
            ("KMSInvalidStateException", "aws kms cancel-key-deletion"),
            ("InvalidKeyUsageException", "aws kms create-key --region eu-west-1"),
            ("IncorrectKeyException", "where an alias leads to another key now"),
            ("InvalidCiphertextException", "restore it from a backup"),
            ("UnrecognizedClientException", "aws sts get-caller-identity"),
        ] {
            let error = said(code, Action::Decrypt);
            assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{code}: {error:?}");
            assert_eq!(error.to_string(), format!("{code}: text (status 400)"));
        }
        assert!(said("AccessDeniedException", Action::Encrypt).hint.is_some_and(|hint| hint.contains("`kms:Encrypt`")));
        assert_eq!(said("KMSInternalException", Action::Encrypt).hint, None);
    }
}
