//! What to do about faults that every service has: credentials, clocks, the way to the server.

use super::{AwsAccess, Cause, Fault};

impl Fault {
    /// What to do, where it has to do with access and not with the service.
    pub(crate) fn hint_of_access(&self, access: &AwsAccess) -> Option<String> {
        Some(match &self.cause {
            Cause::Expired => "the credentials have expired: sign in again, for example with `aws sso login`, and run \
                               this again; it goes on where it stopped"
                .to_owned(),
            Cause::WrongKeys => "the server does not know these credentials: to see whose they are: aws sts \
                                 get-caller-identity"
                .to_owned(),
            Cause::Clock(server) => {
                let said = server.as_ref().map(|date| format!("; the server's says {date}")).unwrap_or_default();
                format!("set the clock of this machine{said}")
            }
            Cause::NoCredentials => no_credentials(access),
            Cause::CredentialsFailed => match (&access.role, &access.profile) {
                (Some(role), _) => format!("look whether `{}` may be taken: aws sts assume-role", role.arn),
                (None, Some(profile)) => {
                    format!("look whether it works: aws sts get-caller-identity --profile {profile}")
                }
                (None, None) => "look whether they work: aws sts get-caller-identity".to_owned(),
            },
            Cause::Refused => match &access.endpoint {
                Some(endpoint) => format!("nothing answers at {endpoint}: start the server, or correct `endpoint`"),
                None => "look whether a proxy or firewall is in the way".to_owned(),
            },
            Cause::NoHost => match &access.endpoint {
                Some(endpoint) => format!("correct `endpoint` ({endpoint})"),
                None => "look whether there is a network, and whether `region` is right".to_owned(),
            },
            Cause::Settings(hint) => (*hint).to_owned(),
            _ => return None,
        })
    }
}

fn no_credentials(access: &AwsAccess) -> String {
    if let Some(profile) = &access.profile {
        return format!(
            "profile `{profile}` of ~/.aws/config and ~/.aws/credentials has none: aws configure --profile {profile}, \
             or aws sso login --profile {profile}"
        );
    }
    "looked at AWS_ACCESS_KEY_ID, the default profile of ~/.aws/config and ~/.aws/credentials, \
     AWS_WEB_IDENTITY_TOKEN_FILE, the container's and the instance's role: set one of them, or name a `profile`"
        .to_owned()
}
