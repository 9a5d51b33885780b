//! Which key of AWS KMS, and how the service is reached. Filled by the caller.

use crate::AwsAccess;

/// What ids of keys of AWS KMS begin with.
const SERVICE: &str = "aws-kms:";
const LONGEST: usize = 2048;

/// A key of AWS KMS that encrypts and decrypts.
#[derive(Clone, Debug, Default)]
pub struct KmsSettings {
    /// The key: its ARN, the ARN of an alias, `alias/NAME`, or its id. An ARN says the region, too.
    pub key: String,
    /// As whom and where it is asked.
    pub access: AwsAccess,
}

/// Settings that name no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is no key of AWS KMS: {why}")]
pub struct KmsSettingsError {
    key: String,
    why: String,
    hint: &'static str,
}

impl KmsSettingsError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

const FORMS: &str = "write its ARN, `arn:aws:kms:eu-west-1:123456789012:key/…`, or `alias/NAME` with a `region`";

impl KmsSettings {
    /// The key that an id of a keyring's service means, with the access of the environment; none for another service.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let key = id.strip_prefix(SERVICE)?.to_owned();
        Some(Self { key, access: AwsAccess::default() })
    }

    /// Which key it is, for people and to find it again: `aws-kms:` and the key.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{SERVICE}{}", self.key)
    }

    /// The region that an ARN names.
    pub(super) fn region_of_key(&self) -> Option<&str> {
        let mut parts = self.key.splitn(6, ':');
        let region = (parts.next()? == "arn" && parts.nth(1)? == "kms").then(|| parts.next())??;
        let key = parts.nth(1)?;
        let is_key = ["key/", "alias/"].iter().any(|kind| key.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
        (!region.is_empty() && is_key).then_some(region)
    }

    /// As whom and where it is asked, in the key's region.
    pub(super) fn access(&self) -> AwsAccess {
        let region = self.region_of_key().map(str::to_owned).or_else(|| self.access.region.clone());
        AwsAccess { region, ..self.access.clone() }
    }

    pub(super) fn check(&self) -> Result<(), KmsSettingsError> {
        let shown: String = self.key.chars().filter(|c| !c.is_control()).take(200).collect();
        let fail = |why: String, hint| Err(KmsSettingsError { key: shown.clone(), why, hint });
        let plain = self.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte));
        if self.key.is_empty() || self.key.len() > LONGEST || !plain {
            return fail("names are letters, digits and `:/_-`".to_owned(), FORMS);
        }
        let id = |key: &str| key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if self.key.starts_with("arn:") {
            let Some(region) = self.region_of_key() else {
                return fail("this is the ARN of something else".to_owned(), FORMS);
            };
            if let Some(other) = self.access.region.as_ref().filter(|other| *other != region) {
                let why = format!("it is in region `{region}`, and `region` says `{other}`");
                return fail(why, "an ARN says the region: leave `region` out");
            }
        } else if !(self.key.strip_prefix("alias/").is_some_and(|name| !name.is_empty())
            || id(self.key.strip_prefix("mrk-").unwrap_or(&self.key)))
        {
            return fail("it is neither an ARN, nor an alias, nor an id".to_owned(), FORMS);
        }
        match self.access.fault() {
            Some((why, hint)) => fail(why.to_owned(), hint),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn settings(key: &str, region: Option<&str>) -> KmsSettings {
        let access = AwsAccess { region: region.map(str::to_owned), ..AwsAccess::default() };
        KmsSettings { key: key.to_owned(), access }
    }

    #[test]
    fn an_arn_says_the_region() {
        assert_eq!(settings(ARN, None).access().region.as_deref(), Some("eu-west-1"));
        let alias = "arn:aws-cn:kms:cn-north-1:123456789012:alias/homes";
        assert_eq!(settings(alias, None).access().region.as_deref(), Some("cn-north-1"));
        assert_eq!(settings("alias/homes", Some("eu-west-1")).access().region.as_deref(), Some("eu-west-1"));
        assert_eq!(settings("alias/homes", None).access().region, None);
    }

    #[test]
    fn what_names_no_key_is_refused() {
        for key in [ARN, "alias/homes", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"]
        {
            assert_eq!(settings(key, None).check(), Ok(()), "{key}");
        }
        for (key, why) in [
            ("", "names are"),
            ("alias/", "neither"),
            ("homes", "neither"),
            ("alias/a b", "names are"),
            ("arn:aws:s3:::homes", "something else"),
            ("arn:aws:kms:eu-west-1:123456789012:homes", "something else"),
            ("arn:aws:kms::123456789012:key/1234", "something else"),
            ("arn:aws:kms:eu-west-1:123456789012:key/", "something else"),
        ] {
            let error = settings(key, None).check().expect_err(key);
            assert!(error.why.contains(why), "{error}");
        }
        let error = settings(ARN, Some("us-east-1")).check().expect_err("two regions");
        assert!(error.to_string().contains("it is in region `eu-west-1`, and `region` says `us-east-1`"), "{error}");
        let access = AwsAccess { endpoint: Some("https://me:hunter2@kms.test".into()), ..AwsAccess::default() };
        let error = KmsSettings { key: ARN.to_owned(), access }.check().expect_err("no address");
        assert!(!format!("{error:?}").contains("hunter2"), "{error}");
    }
}
