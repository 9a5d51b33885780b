//! Capabilities: what a plugin asks for, what the user grants, and the intersection of both.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::assets::AssetPath;
use crate::limits::Limits;

/// What a manifest asks for. Asking grants nothing. The form is `wit/<version>/manifest.schema.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Requested {
    /// Hosts, as patterns that may use configuration values.
    pub hosts: Vec<RequestedHost>,
    /// Credentials, by the names that requests use.
    pub credentials: Vec<RequestedCredential>,
    /// Directories, by the names that the `files` interface uses.
    pub directories: Vec<RequestedDirectory>,
    /// Files of the project, to read and to publish; none where the plugin wants none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<RequestedAssets>,
    /// Lower limits than the defaults.
    pub limits: RequestedLimits,
    /// Requests beyond GET and HEAD that change nothing.
    pub reads: Vec<String>,
}

/// A host that a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedHost {
    /// The pattern.
    pub pattern: String,
    /// The reason, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A credential that a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedCredential {
    /// The name in the plugin's requests.
    pub name: String,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
    /// The reason, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A directory that a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedDirectory {
    /// The name of the grant; `*` asks for every directory that the user grants.
    pub name: String,
    /// Whether the plugin writes there.
    #[serde(default)]
    pub write: bool,
    /// The reason, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// That a plugin asks for files of the project. Which ones, the user says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestedAssets {
    /// Whether part of the plugin works without.
    pub optional: bool,
    /// The reason, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Limits that a manifest sets below the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestedLimits {
    /// One linear memory, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU time of one call, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Wall-clock time of one call, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

impl RequestedLimits {
    /// The host's limits, lowered as the manifest says.
    #[must_use]
    pub fn lower(&self, mut limits: Limits) -> Limits {
        let lower = |limit: &mut u64, asked: Option<u64>| *limit = asked.map_or(*limit, |asked| asked.min(*limit));
        lower(&mut limits.memory_bytes, self.memory_bytes);
        lower(&mut limits.cpu_ms, self.cpu_ms);
        lower(&mut limits.plan_cpu_ms, self.cpu_ms);
        lower(&mut limits.wall_ms, self.wall_ms);
        limits
    }
}

/// A host pattern: `host` or `host:port`, a leading `*.` for one or more labels. Without a port it means 443.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    host: String,
    wildcard: bool,
    port: u16,
}

/// A text that is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host pattern: write `host`, `host:port` or `*.domain`, without a scheme, a path or user information"
)]
pub struct HostPatternError(String);

impl HostPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// When the text has anything but a host and a port, or a wildcard anywhere but in front.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let fail = || HostPatternError(text.chars().filter(|c| !c.is_control()).take(80).collect());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')) => {
                (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(fail)?)
            }
            Some(_) if !text.ends_with(']') => return Err(fail()),
            _ => (text, 443),
        };
        let (wildcard, name) = host.strip_prefix("*.").map_or((false, host), |rest| (true, rest));
        let bracketed = name.starts_with('[') && name.ends_with(']') && !wildcard;
        let valid = if bracketed {
            name[1..name.len() - 1].parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !name.is_empty()
                && name.len() <= 253
                && name.split('.').all(|label| {
                    !label.is_empty()
                        && label.len() <= 63
                        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                })
        };
        if !valid {
            return Err(fail());
        }
        Ok(Self { host: name.to_ascii_lowercase(), wildcard, port })
    }

    /// Whether the pattern allows a host, in the lower case and normal form that a URL parser gives, and a port.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16) -> bool {
        if self.port != port {
            return false;
        }
        if !self.wildcard {
            return self.host == host;
        }
        host.strip_suffix(&self.host).and_then(|rest| rest.strip_suffix('.')).is_some_and(|labels| !labels.is_empty())
    }

    /// Whether this pattern allows everything that another one does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || (!other.wildcard && self.allows(&other.host, other.port))
    }

    /// Whether the user named an address rather than a name, which is what opens private addresses.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.starts_with('[') || self.host.parse::<std::net::Ipv4Addr>().is_ok()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.wildcard { "*." } else { "" };
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        write!(f, "{star}{}{port}", self.host)
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;
    fn try_from(text: String) -> Result<Self, HostPatternError> {
        Self::parse(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

/// What the `grant` block of a provider allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Hosts that may be reached.
    pub hosts: Vec<HostPattern>,
    /// Credentials, by the plugin's names.
    pub credentials: BTreeMap<String, CredentialGrant>,
    /// Directories, by name.
    pub directories: BTreeMap<String, DirectoryGrant>,
    /// Files and folders of the project that may be read and published.
    pub assets: Vec<AssetPath>,
    /// Limits that the user set, over the defaults.
    pub limits: GrantedLimits,
}

/// Limits that a user set: the only way up from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GrantedLimits {
    /// One linear memory, bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time of one call, milliseconds.
    pub cpu_ms: Option<u64>,
    /// CPU time of one `check` or `plan`, milliseconds; without it, `cpu_ms`.
    pub plan_cpu_ms: Option<u64>,
    /// Wall-clock time of one call, milliseconds.
    pub wall_ms: Option<u64>,
    /// One HTTP body, bytes.
    pub http_body_bytes: Option<u64>,
    /// All memories and tables of a call, bytes.
    pub store_bytes: Option<u64>,
    /// Bytes handed to the host at once.
    pub copied_bytes: Option<u64>,
    /// All log lines of a call, bytes.
    pub log_bytes: Option<u64>,
    /// One log line, bytes.
    pub log_line_bytes: Option<u32>,
    /// Host calls of a call.
    pub host_calls: Option<u64>,
    /// Elements of one table.
    pub table_elements: Option<u32>,
    /// Linear memories of an instance.
    pub memories: Option<u32>,
    /// Resource handles alive at once.
    pub handles: Option<u32>,
}

impl GrantedLimits {
    /// The limits of a plugin: the defaults, lowered by the manifest, set by the user.
    #[must_use]
    pub fn over(&self, requested: &RequestedLimits) -> Limits {
        let mut limits = requested.lower(Limits::default());
        if let Some(bytes) = self.memory_bytes {
            limits.memory_bytes = bytes;
            limits.store_bytes = limits.store_bytes.max(bytes.saturating_mul(2));
        }
        if let Some(ms) = self.cpu_ms {
            limits.cpu_ms = ms;
            limits.plan_cpu_ms = ms;
        }
        let set = |limit: &mut u64, granted: Option<u64>| *limit = granted.unwrap_or(*limit);
        set(&mut limits.plan_cpu_ms, self.plan_cpu_ms);
        set(&mut limits.wall_ms, self.wall_ms);
        set(&mut limits.http_body_bytes, self.http_body_bytes);
        set(&mut limits.store_bytes, self.store_bytes);
        set(&mut limits.copied_bytes, self.copied_bytes);
        set(&mut limits.log_bytes, self.log_bytes);
        set(&mut limits.host_calls, self.host_calls);
        limits.log_line_bytes = self.log_line_bytes.unwrap_or(limits.log_line_bytes);
        limits.table_elements = self.table_elements.unwrap_or(limits.table_elements);
        limits.memories = self.memories.unwrap_or(limits.memories);
        limits.handles = self.handles.unwrap_or(limits.handles);
        limits
    }
}

/// A credential that the user grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialGrant {
    /// Where the host takes it from.
    pub from: CredentialSource,
    /// The only hosts it is sent to; empty means every granted host.
    pub hosts: Vec<HostPattern>,
}

/// Where a credential comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialSource {
    /// An environment variable of the host's process.
    Env(String),
    /// A secret of the stage.
    Secret(crate::SecretName),
    /// Credentials of AWS, wherever the AWS CLI finds them: they sign, and are never sent.
    Aws(Box<AwsSource>),
}

/// Credentials of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AwsSource {
    /// The profile; none to look where the AWS CLI does.
    pub profile: Option<String>,
    /// The account that they have to be of; none for any.
    pub expected_account: Option<String>,
    /// A role to take with them.
    pub role: Option<AwsRole>,
    /// A server in the place of Amazon's.
    pub endpoint: Option<String>,
    /// Whether that server wants buckets named in the path.
    pub path_style: bool,
}

/// A role to take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AwsRole {
    /// Its ARN.
    pub arn: String,
    /// What the role's owner asks for to know who takes it.
    pub external_id: Option<String>,
    /// The session's name in the logs.
    pub session_name: Option<String>,
}

/// A directory that the user grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirectoryGrant {
    /// The directory, absolute or relative to the stack's folder.
    pub path: PathBuf,
    /// Whether the plugin may write there.
    pub write: bool,
}

/// What a plugin asked for and the user did not grant, with the line that would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// "the host `api.acme.test`".
    pub what: String,
    /// What to put into the `grant` block.
    pub line: String,
}

/// The most of each kind that a manifest may ask for, as its schema says.
const MAX_HOSTS: usize = 64;
const MAX_NAMED: usize = 16;
const MAX_READS: usize = 256;
const MAX_TEXT: usize = 512;

impl Requested {
    /// Checks what the types do not say: how much is asked for, and in which words.
    ///
    /// # Errors
    /// The text is what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            (self.hosts.len(), MAX_HOSTS, "hosts"),
            (self.credentials.len(), MAX_NAMED, "credentials"),
            (self.directories.len(), MAX_NAMED, "directories"),
            (self.reads.len(), MAX_READS, "reads"),
        ];
        if let Some((count, most, what)) = counts.iter().find(|(count, most, _)| count > most) {
            return Err(format!("{count} {what}, more than the {most} allowed"));
        }
        let name = |text: &str| {
            text.len() <= 64
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
        };
        let names = self.credentials.iter().map(|asked| &asked.name);
        let names = names.chain(self.directories.iter().map(|asked| &asked.name).filter(|asked| *asked != "*"));
        if let Some(bad) = names.into_iter().find(|text| !name(text)) {
            let shown: String = bad.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("`{shown}` is no name: lowercase letters, digits, `-` and `_`, at most 64"));
        }
        let whys = self.hosts.iter().map(|asked| &asked.why).chain(self.credentials.iter().map(|asked| &asked.why));
        let whys = whys.chain(self.directories.iter().map(|asked| &asked.why));
        let whys = whys.chain(self.assets.iter().map(|asked| &asked.why)).flatten();
        let texts = self.hosts.iter().map(|asked| &asked.pattern).chain(&self.reads).chain(whys);
        if texts.into_iter().any(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control)) {
            return Err(format!("a text that is longer than {MAX_TEXT} bytes or has control characters"));
        }
        Ok(())
    }

    /// The grant with the credentials alone that the manifest asks for.
    #[must_use]
    pub fn effective_credentials(&self, grant: &Grant) -> Grant {
        let mut grant = grant.clone();
        grant.credentials.retain(|name, _| self.credentials.iter().any(|asked| asked.name == *name));
        grant
    }

    /// Everything asked and not granted. Patterns over configuration values are filled in from `config`.
    #[must_use]
    pub fn missing(&self, grant: &Grant, config: &Value) -> Vec<Missing> {
        let mut missing = Vec::new();
        for host in &self.hosts {
            let text = fill_in(&host.pattern, config);
            let granted =
                HostPattern::parse(&text).is_ok_and(|asked| grant.hosts.iter().any(|granted| granted.covers(&asked)));
            if !granted {
                missing.push(Missing { what: format!("the host `{text}`"), line: format!("hosts = [\"{text}\"]") });
            }
        }
        for credential in self.credentials.iter().filter(|credential| !credential.optional) {
            if !grant.credentials.contains_key(&credential.name) {
                missing.push(Missing {
                    what: format!("the credential `{}`", credential.name),
                    line: format!("credential \"{}\" {{ from = \"env:NAME\" }}", credential.name),
                });
            }
        }
        for directory in self.directories.iter().filter(|directory| directory.name != "*") {
            let granted = grant.directories.get(&directory.name);
            if granted.is_none_or(|granted| directory.write && !granted.write) {
                let write = if directory.write { "\n  write = true" } else { "" };
                missing.push(Missing {
                    what: format!("the directory `{}`", directory.name),
                    line: format!("directory \"{}\" {{\n  path = \"./{}\"{write}\n}}", directory.name, directory.name),
                });
            }
        }
        if self.assets.as_ref().is_some_and(|asked| !asked.optional) && grant.assets.is_empty() {
            let (what, line) = ("files of the project", "assets = [\"dist\"]");
            missing.push(Missing { what: what.to_owned(), line: line.to_owned() });
        }
        missing
    }

    /// The files and folders of the project that may be read: none unless the manifest asks.
    #[must_use]
    pub fn effective_assets(&self, grant: &Grant) -> Vec<AssetPath> {
        if self.assets.is_some() { grant.assets.clone() } else { Vec::new() }
    }

    /// The directories that are both asked for and granted; write access needs both.
    #[must_use]
    pub fn effective_directories(&self, grant: &Grant) -> BTreeMap<String, DirectoryGrant> {
        let asked = |name: &str| {
            let fits = |asked: &&RequestedDirectory| asked.name == "*" || asked.name == name;
            self.directories.iter().filter(fits).map(|asked| asked.write).reduce(|a, b| a || b)
        };
        grant
            .directories
            .iter()
            .filter_map(|(name, granted)| {
                let write = asked(name)? && granted.write;
                Some((name.clone(), DirectoryGrant { path: granted.path.clone(), write }))
            })
            .collect()
    }
}

/// Replaces `${config.KEY}` by the configuration's text.
fn fill_in(pattern: &str, config: &Value) -> String {
    let Some((before, rest)) = pattern.split_once("${config.") else { return pattern.to_owned() };
    let Some((key, after)) = rest.split_once('}') else { return pattern.to_owned() };
    // A secret never becomes a text that is shown.
    match config.part(key).filter(|value| !value.has_secret()).as_ref().and_then(Value::as_str) {
        Some(text) => format!("{before}{text}{after}"),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_allow_what_they_say() {
        let allows = |pattern: &str, host: &str, port| HostPattern::parse(pattern).expect(pattern).allows(host, port);
        assert!(allows("api.acme.test", "api.acme.test", 443));
        assert!(!allows("api.acme.test", "api.acme.test", 80));
        assert!(allows("*.acme.test:8443", "a.b.acme.test", 8443));
        assert!(!allows("*.acme.test", "acme.test", 443));
        assert!(!allows("*.acme.test", "evilacme.test", 443));
        assert!(allows("127.0.0.1:8080", "127.0.0.1", 8080));
        assert!(allows("[::1]:8080", "[::1]", 8080));
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in ["", "*", "https://a", "a/b", "u@a", "a:0", "a:b", "a..b", "*.*.a", "::1", "a:99999", "[::1", "a b"]
        {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn asked_and_not_granted_names_the_line() {
        let requested: Requested = serde_json::from_str(
            r#"{"hosts":[{"pattern":"${config.server}"}],"directories":[{"name":"out","write":true}]}"#,
        )
        .expect("valid");
        let config = crate::document::parse(r#"{"server":"pdns.test:8081"}"#).expect("valid");
        let missing = requested.missing(&Grant::default(), &config);
        assert_eq!(missing[0].line, "hosts = [\"pdns.test:8081\"]");
        assert_eq!(missing[1].what, "the directory `out`");
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        for (json, why) in [
            (r#"{"credentials":[{"name":"BAD NAME"}]}"#, "is no name"),
            (r#"{"directories":[{"name":"../x"}]}"#, "is no name"),
            (r#"{"hosts":[{"pattern":"a\n  hint: paste me"}]}"#, "control characters"),
            (r#"{"reads":["\u001b[2J"]}"#, "control characters"),
            (r#"{"assets":{"why":"\u001b[2J"}}"#, "control characters"),
        ] {
            let requested: Requested = serde_json::from_str(json).expect(json);
            let error = requested.check().expect_err(json);
            assert!(error.contains(why), "{json}: {error}");
        }
        let many = Requested { reads: vec![String::new(); 257], ..Requested::default() };
        assert!(many.check().is_err());
    }

    #[test]
    fn a_secret_of_the_configuration_is_not_told() {
        let requested: Requested = serde_json::from_str(r#"{"hosts":[{"pattern":"${config.token}"}]}"#).expect("valid");
        let config = Value::object([("token".to_owned(), Value::from("hunter22").into_secret())].into());
        assert!(!requested.missing(&Grant::default(), &config)[0].what.contains("hunter22"));
    }

    #[test]
    fn writing_needs_both_keys() {
        let requested: Requested = serde_json::from_str(r#"{"directories":[{"name":"*"}]}"#).expect("valid");
        let grant = Grant {
            directories: [("out".to_owned(), DirectoryGrant { path: "out".into(), write: true })].into(),
            ..Grant::default()
        };
        assert!(!requested.effective_directories(&grant)["out"].write);
    }

    #[test]
    fn assets_need_both_keys() {
        let asking: Requested = serde_json::from_str(r#"{"assets":{}}"#).expect("valid");
        let grant = Grant { assets: vec![AssetPath::parse("dist").expect("a path")], ..Grant::default() };
        assert_eq!(asking.effective_assets(&grant), grant.assets);
        assert_eq!(Requested::default().effective_assets(&grant), []);
        assert_eq!(asking.missing(&Grant::default(), &Value::null())[0].line, "assets = [\"dist\"]");
        assert_eq!(asking.missing(&grant, &Value::null()), []);
        let optional: Requested = serde_json::from_str(r#"{"assets":{"optional":true}}"#).expect("valid");
        assert_eq!(optional.missing(&Grant::default(), &Value::null()), []);
    }
}
