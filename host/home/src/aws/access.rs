//! As whom and where a service is asked. Filled by the caller: nothing here reads the environment.

use std::fmt;

/// How a service of AWS is reached.
#[derive(Clone, Debug, Default)]
pub struct AwsAccess {
    /// The region; none to take the one of the AWS configuration, and with `endpoint` at last `us-east-1`.
    pub region: Option<String>,
    /// The profile of the AWS configuration; none to look for credentials where the AWS CLI does: environment, default
    /// profile (with SSO, roles and processes that it names), web identity, container, instance.
    pub profile: Option<String>,
    /// Credentials in the place of those that would be found.
    pub keys: Option<AwsKeys>,
    /// A role to take with the credentials that were found.
    pub role: Option<AwsRole>,
    /// Another server than Amazon's: `https://host`, with a port where it has one.
    pub endpoint: Option<String>,
}

/// Credentials as a person writes them down.
#[derive(Clone)]
pub struct AwsKeys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token, for temporary credentials.
    pub token: Option<String>,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A role to take: its credentials last an hour and are renewed before they end.
#[derive(Clone, Debug, Default)]
pub struct AwsRole {
    /// The role: `arn:aws:iam::123456789012:role/deploy`.
    pub arn: String,
    /// What the role's owner asks for to know who takes it.
    pub external_id: Option<String>,
    /// The session's name in the logs of AWS; none for `cofferdam`.
    pub session_name: Option<String>,
    /// Another token service than Amazon's.
    pub endpoint: Option<String>,
}

impl AwsAccess {
    /// What is wrong with it, where something is, and what to do about it.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
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

    #[test]
    fn what_is_no_endpoint_is_refused() {
        assert_eq!(AwsAccess::default().fault(), None);
        for endpoint in ["https://s3.test", "http://127.0.0.1:9000", "http://127.0.0.1:9000/"] {
            assert_eq!(
                AwsAccess { endpoint: Some(endpoint.into()), ..AwsAccess::default() }.fault(),
                None,
                "{endpoint}"
            );
        }
        for endpoint in ["", "s3.test", "https://", "https://me:hunter2@s3.test", "ftp://s3.test", "http://s3.test?x"] {
            let access = AwsAccess { endpoint: Some(endpoint.into()), ..AwsAccess::default() };
            assert!(access.fault().is_some(), "{endpoint}");
            let role = Some(AwsRole { endpoint: Some(endpoint.into()), ..AwsRole::default() });
            assert!(AwsAccess { role, ..AwsAccess::default() }.fault().is_some(), "{endpoint}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = AwsKeys { id: "AKIA".into(), secret: "hunter2".into(), token: Some("hunter3".into()) };
        let text = format!("{:?}", AwsAccess { keys: Some(keys), ..AwsAccess::default() });
        assert!(text.contains("AKIA") && !text.contains("hunter"), "{text}");
    }
}
