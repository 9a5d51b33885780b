//! What is prepared once for an account or project before resources are deployed into it: whose preparation it is, of
//! which steps it consists, and what came of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::ProviderKey;
use crate::assets::{Asset, AssetLocation};
use crate::capabilities::AwsSource;
use crate::error::{ErrorKind, ProviderError};

/// The namespace of preparations that nobody names.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The longest name of a namespace.
pub const MAX_NAMESPACE: usize = 20;
/// The region of a plugin's own preparation that names none.
pub const NO_REGION: &str = "global";
/// The most steps of a preparation.
pub const MAX_STEPS: usize = 100;
/// The longest name of a step.
pub const MAX_STEP_NAME: usize = 64;
/// The longest title of a step, bytes.
pub const MAX_STEP_TITLE: usize = 200;
/// The most that a step adds to the record, bytes of JSON.
pub const MAX_STEP_OUTPUT: usize = 64 * 1024;
const MAX_REGION: usize = 64;
const MAX_PART: usize = 128;

/// Which preparation it is. Two that differ anywhere share nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapScope {
    /// Who prepares: `aws` for what the host prepares there itself, else the provider by its name in the stack.
    pub provider: String,
    /// The partition, such as `aws` or `aws-cn`, or the address of a server in the place of Amazon's. For what a plugin
    /// prepares itself `plugin:NAME`, with `@` and the former where the account is one of AWS.
    pub authority: String,
    /// The account, which the credential tells, or the host where there is none; a plugin never does.
    pub account: String,
    /// The region.
    pub region: String,
    /// Tells several preparations of one account and region apart.
    pub namespace: String,
}

impl BootstrapScope {
    /// What is wrong with it, where something is.
    ///
    /// # Errors
    /// With a text for people.
    pub fn check(&self) -> Result<(), String> {
        check_namespace(&self.namespace)?;
        check_region(&self.region)?;
        for part in [&self.provider, &self.authority, &self.account] {
            if part.is_empty() || part.len() > MAX_PART || !part.chars().all(|c| c.is_ascii_graphic()) {
                return Err(format!("`{}` names no account or provider", shown(part)));
            }
        }
        Ok(())
    }

    /// A name for its objects: readable, and different for scopes that differ.
    #[must_use]
    pub fn id(&self) -> String {
        let readable = |text: &str| {
            let kept = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
            text.chars().map(kept).take(32).collect::<String>()
        };
        format!("{}-{}-{}", readable(&self.provider), readable(&self.region), &self.digest()[..16])
    }

    /// SHA-256 over all parts, hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.provider, &self.authority, &self.account, &self.region, &self.namespace] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

impl fmt::Display for BootstrapScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, authority, account, region, namespace } = self;
        write!(f, "{provider} account {account} in {region}")?;
        if authority != provider {
            write!(f, " of {authority}")?;
        }
        if namespace == DEFAULT_NAMESPACE { Ok(()) } else { write!(f, ", namespace {namespace}") }
    }
}

/// What is wrong with the name of a namespace, where something is.
///
/// # Errors
/// With a text for people.
pub fn check_namespace(name: &str) -> Result<(), String> {
    if is_name(name, MAX_NAMESPACE) {
        return Ok(());
    }
    Err(format!("`{}` is no namespace: up to {MAX_NAMESPACE} lowercase letters, digits and hyphens", shown(name)))
}

/// What is wrong with the name of a region, where something is.
///
/// # Errors
/// With a text for people.
pub fn check_region(name: &str) -> Result<(), String> {
    if is_name(name, MAX_REGION) { Ok(()) } else { Err(format!("`{}` is no region", shown(name))) }
}

fn is_name(text: &str, most: usize) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= most && text.chars().all(fits)
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// One step of a preparation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapStep {
    /// Unique among the steps, and stable: records name steps by it.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// A higher one than the record has: the step is done again.
    #[serde(default)]
    pub revision: u32,
}

/// What is wrong with the steps of a plugin, where something is.
///
/// # Errors
/// With a text for people.
pub fn check_steps(steps: &[BootstrapStep]) -> Result<(), String> {
    if steps.len() > MAX_STEPS {
        return Err(format!("{} steps, more than the {MAX_STEPS} allowed", steps.len()));
    }
    let mut known = BTreeSet::new();
    for BootstrapStep { name, title, .. } in steps {
        if !is_name(name, MAX_STEP_NAME) {
            return Err(format!(
                "`{}` is no name of a step: up to {MAX_STEP_NAME} lowercase letters, digits and hyphens",
                shown(name)
            ));
        }
        if title.is_empty() || title.len() > MAX_STEP_TITLE || title.chars().any(char::is_control) {
            return Err(format!("the title of step `{name}` is no line of up to {MAX_STEP_TITLE} bytes"));
        }
        if !known.insert(name) {
            return Err(format!("two steps named `{name}`"));
        }
    }
    Ok(())
}

/// What a call of a step is told.
#[derive(Clone, Copy, Debug)]
pub struct StepCall<'a> {
    /// The step.
    pub step: &'a str,
    /// The same in every attempt at the step.
    pub operation: &'a crate::OperationId,
    /// From 1.
    pub attempt: u32,
    /// What the steps before it made.
    pub record: &'a Map<String, Value>,
}

/// How a call of a step ended.
#[derive(Clone, Debug, PartialEq)]
pub enum StepDone {
    /// It is done, and adds this to the record.
    Done(Map<String, Value>),
    /// To be called again after so many milliseconds.
    Pending {
        /// The wait, milliseconds.
        poll_after_ms: u64,
        /// What is waited for.
        note: String,
    },
}

/// What prepares a scope. Every method blocks its thread.
pub trait Preparer: Send + Sync {
    /// The steps in their order.
    fn steps(&self) -> &[BootstrapStep];

    /// Does a step. Safe to repeat.
    ///
    /// # Errors
    /// When the step is not done; it is repeated with the same operation id.
    fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError>;

    /// Looks at what the record names, and changes nothing: one line a fault, with the step that would repair it.
    ///
    /// # Errors
    /// When it cannot look.
    fn verify(&self, record: &Map<String, Value>) -> Result<Vec<StepFault>, ProviderError>;

    /// Takes a step back. Safe to repeat.
    ///
    /// # Errors
    /// When what the step made is still there.
    fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError>;
}

/// Preparations as the runtime asks for them, for plugins that may have them.
#[async_trait]
pub trait Bootstraps: Send + Sync {
    /// Finds out whose account a credential is of. Changes nothing.
    ///
    /// # Errors
    /// When the credential does not work, or is of another account than the grant expects.
    async fn open(&self, request: &BootstrapRequest) -> Result<Arc<dyn OpenBootstrap>, ProviderError>;

    /// A preparation whose steps a plugin does, with its record in the home of the stack. Changes nothing.
    ///
    /// # Errors
    /// When there is no home to keep the record in.
    async fn own(
        &self,
        scope: &BootstrapScope,
        steps: Arc<dyn PluginSteps>,
    ) -> Result<Arc<dyn OpenBootstrap>, ProviderError>;

    /// The longest time that one preparation may take, from its beginning to its end.
    fn longest(&self) -> Duration;
}

/// The steps of a preparation that a plugin does itself. Each call is one of the guest's, in an instance of its own; what
/// it answers is checked.
#[async_trait]
pub trait PluginSteps: Send + Sync {
    /// The steps in their order.
    ///
    /// # Errors
    /// When the plugin fails, or answers what is no list of steps.
    async fn steps(&self) -> Result<Vec<BootstrapStep>, ProviderError>;

    /// Does a step. Safe to repeat.
    ///
    /// # Errors
    /// When the step is not done.
    async fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError>;

    /// Looks at what the record names, and changes nothing: one line a fault.
    ///
    /// # Errors
    /// When it cannot look.
    async fn verify(&self, record: &Map<String, Value>) -> Result<Vec<String>, ProviderError>;

    /// Takes a step back. Safe to repeat.
    ///
    /// # Errors
    /// When what the step made is still there.
    async fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError>;
}

/// One preparation.
#[async_trait]
pub trait OpenBootstrap: Send + Sync {
    /// Which it is.
    fn scope(&self) -> &BootstrapScope;

    /// What is prepared, without changing anything.
    ///
    /// # Errors
    /// When the record cannot be read.
    async fn look(&self) -> Result<Looked, ProviderError>;

    /// Prepares it, or adopts what was prepared; what the steps made.
    ///
    /// # Errors
    /// When a step fails; what was done is kept, and the next call goes on from there.
    async fn prepare(&self) -> Result<Map<String, Value>, ProviderError>;

    /// Puts an asset where it belongs in what is prepared, unless it lies there already.
    ///
    /// # Errors
    /// When it cannot be put there; a part of it that is there helps the next call.
    async fn publish(&self, asset: Asset) -> Result<AssetLocation, ProviderError> {
        let text = format!("the bootstrap of {} has no place for assets, such as `{}`", self.scope(), asset.name);
        Err(ProviderError::new(ErrorKind::Unsupported, text))
    }
}

/// What is prepared.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked {
    /// Everything: what the steps made.
    Ready(Map<String, Value>),
    /// Not everything: what a deploy would do, one line a step.
    Missing(Vec<String>),
}

/// What a plugin asks for, with what it was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapRequest {
    /// The provider, as the stack names it.
    pub provider: ProviderKey,
    /// Its name for the credential.
    pub credential: String,
    /// The credential that it was granted under that name.
    pub source: AwsSource,
    /// The region; none for that of the configuration.
    pub region: Option<String>,
    /// The namespace; none for the usual one.
    pub namespace: Option<String>,
}

/// What a verification found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepFault {
    /// The step that makes it right; none where it may be any of them.
    pub step: Option<String>,
    /// What is wrong, one line.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> BootstrapScope {
        BootstrapScope {
            provider: "aws".into(),
            authority: "aws".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            namespace: DEFAULT_NAMESPACE.into(),
        }
    }

    #[test]
    fn scopes_that_differ_have_other_names() {
        let base = scope();
        let others = [
            BootstrapScope { provider: "acme".into(), ..scope() },
            BootstrapScope { authority: "aws-cn".into(), ..scope() },
            BootstrapScope { account: "123456789013".into(), ..scope() },
            BootstrapScope { region: "eu-west-2".into(), ..scope() },
            BootstrapScope { namespace: "b".into(), ..scope() },
            // The same letters, cut elsewhere.
            BootstrapScope { provider: "awsa".into(), authority: "ws".into(), ..scope() },
        ];
        for other in others {
            assert_ne!(other.id(), base.id(), "{other}");
        }
        assert!(base.id().starts_with("aws-eu-west-1-"), "{}", base.id());
    }

    #[test]
    fn steps_are_bounded() {
        let step = |name: &str, title: &str| BootstrapStep { name: name.into(), title: title.into(), revision: 0 };
        assert_eq!(check_steps(&[step("a", "make a"), step("b-2", "make b")]), Ok(()));
        let long = "a".repeat(MAX_STEP_NAME + 1);
        for name in ["", "A", "../a", "a b", "a\n", "é", &long] {
            assert!(check_steps(&[step(name, "x")]).is_err(), "{name}");
        }
        for title in ["", "a\nb", "\u{1b}[31m", &"t".repeat(MAX_STEP_TITLE + 1)] {
            assert!(check_steps(&[step("a", title)]).is_err(), "{title}");
        }
        assert!(check_steps(&[step("a", "x"), step("a", "y")]).is_err());
        assert!(check_steps(&vec![step("a", "x"); MAX_STEPS + 1]).is_err());
    }

    #[test]
    fn parts_are_bounded() {
        assert_eq!(scope().check(), Ok(()));
        for (namespace, region, account) in
            [("", "r", "1"), ("a/b", "r", "1"), ("a", "", "1"), ("a", "../x", "1"), ("a", "r", ""), ("a", "r", "1\n2")]
        {
            let parts = (namespace.to_owned(), region.to_owned(), account.to_owned());
            let scope = BootstrapScope { namespace: parts.0, region: parts.1, account: parts.2, ..scope() };
            assert!(scope.check().is_err(), "{scope:?}");
        }
        assert!(BootstrapScope { namespace: "n".repeat(MAX_NAMESPACE + 1), ..scope() }.check().is_err());
    }
}
