//! What a bucket is and how it is reached. Filled by the caller: nothing here reads the environment.

use crate::AwsAccess;

/// A home in a bucket.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What all names of the home begin with, without the `/` that follows it; empty for the whole bucket.
    pub prefix: String,
    /// As whom and where it is asked; the region is the bucket's.
    pub access: AwsAccess,
    /// Whether the bucket is named in the path instead of the host: what most servers other than Amazon's want.
    pub path_style: bool,
    /// The account that has to own the bucket, where its name can be guessed; none for any.
    pub owner: Option<String>,
}

impl S3Settings {
    /// The prefix with neither `/` before nor behind it.
    pub(super) fn trimmed_prefix(&self) -> &str {
        self.prefix.trim_matches('/')
    }

    /// What names of objects begin with: empty, or ending with `/`.
    pub(super) fn root(&self) -> String {
        match self.trimmed_prefix() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        }
    }

    /// What is wrong with them, where something is, and what to do about it.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.bucket.is_empty() || self.bucket.contains(['/', ':', '?', '#', '@']) {
            return Some(("no bucket has this name", "give the name of the bucket alone, without `s3://` and path"));
        }
        if self.trimmed_prefix().split('/').any(|part| matches!(part, "." | "..")) {
            return Some(("the prefix has a part `.` or `..`", "give the prefix without them"));
        }
        self.access.fault()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> S3Settings {
        S3Settings { bucket: "homes".into(), prefix: "/team/a/".into(), ..S3Settings::default() }
    }

    #[test]
    fn a_prefix_needs_no_slashes() {
        assert_eq!(settings().root(), "team/a/");
        assert_eq!(S3Settings { prefix: String::new(), ..settings() }.root(), "");
        assert_eq!(S3Settings { prefix: "/".into(), ..settings() }.root(), "");
    }

    #[test]
    fn what_is_no_bucket_is_refused() {
        assert_eq!(settings().fault(), None);
        for bucket in ["", "s3://homes", "homes/a", "me@homes"] {
            assert!(S3Settings { bucket: bucket.into(), ..settings() }.fault().is_some(), "{bucket}");
        }
        assert!(S3Settings { prefix: "a/../b".into(), ..settings() }.fault().is_some());
        let access = AwsAccess { endpoint: Some("s3.test".into()), ..AwsAccess::default() };
        assert!(S3Settings { access, ..settings() }.fault().is_some());
    }
}
