//! What a bucket is and how it is reached. Filled by the caller: nothing here reads the environment.

use std::fmt;

/// A home in a bucket.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What all names of the home begin with, without the `/` that follows it; empty for the whole bucket.
    pub prefix: String,
    /// The bucket's region; none to take the one of the AWS configuration, and with `endpoint` at last `us-east-1`.
    pub region: Option<String>,
    /// The profile of the AWS configuration; none to look for credentials where the AWS CLI does: environment, default
    /// profile (with SSO, roles and processes that it names), web identity, container, instance.
    pub profile: Option<String>,
    /// Credentials in the place of those that would be found.
    pub keys: Option<S3Keys>,
    /// A role to take with the credentials that were found.
    pub role: Option<S3Role>,
    /// Another server than Amazon's: `https://host`, with a port where it has one.
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path instead of the host: what most servers other than Amazon's want.
    pub path_style: bool,
}

/// Credentials as a person writes them down.
#[derive(Clone)]
pub struct S3Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token, for temporary credentials.
    pub token: Option<String>,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A role to take: its credentials last an hour and are renewed before they end.
#[derive(Clone, Debug, Default)]
pub struct S3Role {
    /// The role: `arn:aws:iam::123456789012:role/deploy`.
    pub arn: String,
    /// What the role's owner asks for to know who takes it.
    pub external_id: Option<String>,
    /// The session's name in the logs of AWS; none for `cofferdam`.
    pub session_name: Option<String>,
    /// Another token service than Amazon's.
    pub endpoint: Option<String>,
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
        let endpoints = self.endpoint.iter().chain(self.role.iter().filter_map(|role| role.endpoint.as_ref()));
        for endpoint in endpoints {
            let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
            // A password in it would be in every message that names the endpoint.
            if host.is_none_or(|host| host.trim_end_matches('/').is_empty() || host.contains(['@', '?', '#'])) {
                return Some(("the endpoint is not an address", "give it as `https://host` or `https://host:port`"));
            }
        }
        None
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
    fn what_is_no_bucket_and_no_endpoint_is_refused() {
        assert_eq!(settings().fault(), None);
        for endpoint in ["https://s3.test", "http://127.0.0.1:9000", "http://127.0.0.1:9000/"] {
            assert_eq!(S3Settings { endpoint: Some(endpoint.into()), ..settings() }.fault(), None, "{endpoint}");
        }
        for endpoint in ["", "s3.test", "https://", "https://me:hunter2@s3.test", "ftp://s3.test", "http://s3.test?x"] {
            assert!(S3Settings { endpoint: Some(endpoint.into()), ..settings() }.fault().is_some(), "{endpoint}");
            let role = Some(S3Role { endpoint: Some(endpoint.into()), ..S3Role::default() });
            assert!(S3Settings { role, ..settings() }.fault().is_some(), "{endpoint}");
        }
        for bucket in ["", "s3://homes", "homes/a", "me@homes"] {
            assert!(S3Settings { bucket: bucket.into(), ..settings() }.fault().is_some(), "{bucket}");
        }
        assert!(S3Settings { prefix: "a/../b".into(), ..settings() }.fault().is_some());
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = S3Keys { id: "AKIA".into(), secret: "hunter2".into(), token: Some("hunter3".into()) };
        let text = format!("{:?}", S3Settings { keys: Some(keys), ..settings() });
        assert!(text.contains("AKIA") && !text.contains("hunter"), "{text}");
    }
}
