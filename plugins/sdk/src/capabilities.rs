//! What a plugin asks for, as the contract's `manifest.schema.json` wants it.

use serde::Serialize;

/// What a plugin asks for. The user grants it, or less, in the `grant` block; nothing works without.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Capabilities {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<Host>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credentials: Vec<Credential>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directories: Vec<Directory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<Assets>,
    #[serde(skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reads: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Host {
    pattern: String,
    why: String,
}

#[derive(Clone, Debug, Serialize)]
struct Credential {
    name: String,
    optional: bool,
    why: String,
}

#[derive(Clone, Debug, Serialize)]
struct Directory {
    name: String,
    write: bool,
    why: String,
}

#[derive(Clone, Debug, Serialize)]
struct Assets {
    optional: bool,
    why: String,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_ms: Option<u64>,
}

impl Limits {
    fn is_empty(&self) -> bool {
        self.memory_bytes.is_none() && self.cpu_ms.is_none() && self.wall_ms.is_none()
    }
}

impl Capabilities {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A host to talk to: `api.acme.test`, `*.acme.test:8443`, or `${config.host}` for one that the configuration names.
    #[must_use]
    pub fn host(mut self, pattern: impl Into<String>, why: impl Into<String>) -> Self {
        self.hosts.push(Host { pattern: pattern.into(), why: why.into() });
        self
    }

    /// A credential, by the name that requests use.
    #[must_use]
    pub fn credential(self, name: impl Into<String>, why: impl Into<String>) -> Self {
        self.add_credential(Credential { name: name.into(), optional: false, why: why.into() })
    }

    /// A credential without which part of the provider works.
    #[must_use]
    pub fn optional_credential(self, name: impl Into<String>, why: impl Into<String>) -> Self {
        self.add_credential(Credential { name: name.into(), optional: true, why: why.into() })
    }

    fn add_credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// A directory to read; `*` for every one that the user grants.
    #[must_use]
    pub fn directory(self, name: impl Into<String>, why: impl Into<String>) -> Self {
        self.add_directory(Directory { name: name.into(), write: false, why: why.into() })
    }

    /// A directory to read and write; `*` for every one that the user grants.
    #[must_use]
    pub fn writable_directory(self, name: impl Into<String>, why: impl Into<String>) -> Self {
        self.add_directory(Directory { name: name.into(), write: true, why: why.into() })
    }

    fn add_directory(mut self, directory: Directory) -> Self {
        self.directories.push(directory);
        self
    }

    /// Files of the project, for [`assets`](crate::assets). The user says which.
    #[must_use]
    pub fn assets(mut self, why: impl Into<String>) -> Self {
        self.assets = Some(Assets { optional: false, why: why.into() });
        self
    }

    /// The same, where part of the provider works without.
    #[must_use]
    pub fn optional_assets(mut self, why: impl Into<String>) -> Self {
        self.assets = Some(Assets { optional: true, why: why.into() });
        self
    }

    /// Requests beyond GET and HEAD that change nothing, as `POST /v1/search`.
    #[must_use]
    pub fn reads(mut self, request: impl Into<String>) -> Self {
        self.reads.push(request.into());
        self
    }

    /// Less memory than the host's default.
    #[must_use]
    pub fn memory_bytes(mut self, limit: u64) -> Self {
        self.limits.memory_bytes = Some(limit);
        self
    }

    /// Less CPU time a call than the host's default.
    #[must_use]
    pub fn cpu_ms(mut self, limit: u64) -> Self {
        self.limits.cpu_ms = Some(limit);
        self
    }

    /// Less wall-clock time a call than the host's default.
    #[must_use]
    pub fn wall_ms(mut self, limit: u64) -> Self {
        self.limits.wall_ms = Some(limit);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_written() {
        let text = |asked: &Capabilities| serde_json::to_string(asked).expect("strings and numbers always serialize");
        assert_eq!(text(&Capabilities::new()), "{}");
        let asked = Capabilities::new().host("a.test", "all calls").cpu_ms(5);
        assert_eq!(text(&asked), r#"{"hosts":[{"pattern":"a.test","why":"all calls"}],"limits":{"cpu_ms":5}}"#);
    }
}
