//! From a fault to what a person reads: the object, what the server said, and what to do about it.

use crate::aws::{Cause, Fault};
use crate::store::StoreError;

use super::S3Settings;

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Open,
    Read,
    Create,
    Replace,
    Delete,
    List,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }
}

impl Fault {
    /// The error of an action on an object; `place` is the object as [`crate::Store::place`] calls it.
    pub(super) fn on(self, action: Action, place: String, settings: &S3Settings) -> StoreError {
        let hint = self.hint(action, settings);
        StoreError { action: action.verb(), place, trouble: self.trouble, hint, source: Box::new(self) }
    }

    fn hint(&self, action: Action, settings: &S3Settings) -> Option<String> {
        let bucket = &settings.bucket;
        Some(match &self.cause {
            Cause::Denied => self.denied(action, settings),
            Cause::NoBucket => {
                let region =
                    settings.access.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
                format!("correct the name of the bucket, or make it: aws s3 mb s3://{bucket}{region}")
            }
            Cause::Region(Some(region)) => format!("the bucket is in another region: set `region` to \"{region}\""),
            Cause::Region(None) => {
                format!("set `region` to the bucket's; to look it up: aws s3api get-bucket-location --bucket {bucket}")
            }
            Cause::NoHost if settings.access.endpoint.is_some() && !settings.path_style => {
                let endpoint = settings.access.endpoint.as_deref().unwrap_or_default();
                format!("correct `endpoint` ({endpoint}), or set `path_style` if the server wants it")
            }
            Cause::Unsupported => "this server lacks what a home needs of S3: conditional writes (`If-None-Match: *`) \
                                   and multipart uploads; use Amazon S3, or a directory"
                .to_owned(),
            Cause::TooLarge => "no object of a home is as large: look who wrote it".to_owned(),
            _ => return self.hint_of_access(&settings.access),
        })
    }

    fn denied(&self, action: Action, settings: &S3Settings) -> String {
        let (bucket, root) = (&settings.bucket, settings.root());
        let partition = match settings.access.region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let objects = format!("`arn:{partition}:s3:::{bucket}/{root}*`");
        let whole = format!("`arn:{partition}:s3:::{bucket}`");
        let mut hint = match action {
            // Without the right to list, Amazon says the same of an object that is not there.
            Action::Read => format!("allow `s3:GetObject` on {objects} and `s3:ListBucket` on {whole}"),
            Action::Open | Action::List => format!("allow `s3:ListBucket` on {whole}"),
            Action::Create | Action::Replace => {
                format!("allow `s3:PutObject` and `s3:AbortMultipartUpload` on {objects}")
            }
            Action::Delete => format!("allow `s3:DeleteObject` on {objects}"),
        };
        if self.text.to_ascii_lowercase().contains("kms") {
            hint.push_str("; the bucket's key needs `kms:GenerateDataKey` and `kms:Decrypt` as well");
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::cause;
    use super::*;
    use crate::aws::Answer;
    use crate::store::Trouble;

    fn settings() -> S3Settings {
        S3Settings { bucket: "homes".into(), prefix: "team".into(), ..S3Settings::default() }
    }

    fn hint(cause: Cause, action: Action) -> String {
        Fault::lasting(cause, "text").on(action, "s3://homes/team/a".into(), &settings()).hint.expect("a hint")
    }

    #[test]
    fn a_refusal_names_the_permission() {
        let answer = Answer {
            status: 403,
            code: "AccessDenied",
            message: "Access Denied",
            region: None,
            date: None,
            request: Some("ABC"),
        };
        let error = answer.fault(cause).on(Action::Create, "s3://homes/team/a".into(), &settings());
        assert_eq!(error.to_string(), "could not create `s3://homes/team/a`");
        assert_eq!(error.source.to_string(), "AccessDenied: Access Denied (status 403, request ABC)");
        assert_eq!(error.trouble, Trouble::Lasting);
        let text = "allow `s3:PutObject` and `s3:AbortMultipartUpload` on `arn:aws:s3:::homes/team/*`";
        assert_eq!(error.hint.as_deref(), Some(text));
        let text = "allow `s3:GetObject` on `arn:aws:s3:::homes/team/*` and `s3:ListBucket` on `arn:aws:s3:::homes`";
        assert_eq!(hint(Cause::Denied, Action::Read), text);
        assert_eq!(hint(Cause::Denied, Action::Delete), "allow `s3:DeleteObject` on `arn:aws:s3:::homes/team/*`");
    }

    #[test]
    fn hints_can_be_acted_on() {
        let text = "correct the name of the bucket, or make it: aws s3 mb s3://homes";
        assert_eq!(hint(Cause::NoBucket, Action::List), text);
        let text = "the bucket is in another region: set `region` to \"eu-west-1\"";
        assert_eq!(hint(Cause::Region(Some("eu-west-1".into())), Action::List), text);
        assert!(hint(Cause::NoCredentials, Action::List).contains("AWS_ACCESS_KEY_ID"));
        let date = Some("Tue, 01 Jan 2030 00:00:00 GMT".to_owned());
        let text = "set the clock of this machine; the server's says Tue, 01 Jan 2030 00:00:00 GMT";
        assert_eq!(hint(Cause::Clock(date), Action::List), text);
    }
}
