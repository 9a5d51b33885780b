//! The text of a snapshot: a checksum over the body, and the body with every resource.

use std::collections::{BTreeMap, HashMap};

use cofferdam_model::state::{PluginIdentity, StackState};
use cofferdam_model::{Address, Digest, Pointer, StackName, StageName, Value};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::entry::{EntryIn, EntryOut};
use crate::journal::SnapshotRef;
use crate::marks::{Marks, Opener, Sealer, Sealing};
use crate::vault::{Kind, OpenError, Scope, Vault};
use crate::written::{Plain, Secrets, Written};
use crate::{Damage, Holder, LoadError, NewerFormat, SealError};

/// The format that is written.
const FORMAT: u64 = 1;

/// When a snapshot was made, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The run.
    pub by: Holder,
}

#[derive(Serialize)]
struct BodyOut<'a> {
    stack: &'a StackName,
    stage: &'a StageName,
    lineage: &'a str,
    serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<&'a Made>,
    plugins: Vec<&'a PluginIdentity>,
    resources: BTreeMap<&'a Address, EntryOut<'a, usize>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<&'a str, Written<'a>>,
    #[serde(skip_serializing_if = "Marks::is_empty")]
    marks: Marks,
}

/// The body of a snapshot, or of a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyIn {
    stack: StackName,
    stage: StageName,
    lineage: String,
    serial: u64,
    /// Every snapshot has it.
    made: Option<Made>,
    plugins: Vec<PluginIdentity>,
    resources: BTreeMap<Address, EntryIn<usize>>,
    #[serde(default)]
    outputs: BTreeMap<String, Plain>,
    #[serde(default)]
    marks: Marks,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    v: u64,
    sum: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A snapshot that is ready to be written.
pub(crate) struct Body(Vec<u8>);

/// A snapshot as it was read: checked, not yet decrypted.
pub(crate) struct Snapshot {
    body: BodyIn,
    made: Made,
    sum: String,
    bytes: u64,
}

/// Which snapshot it is: what its secrets are bound to.
#[derive(Clone, Copy)]
struct Generation<'a> {
    stack: &'a StackName,
    stage: &'a StageName,
    lineage: &'a str,
    serial: u64,
}

impl<'a> Generation<'a> {
    fn scope(self, class: &'static str, subject: &'a str) -> Scope<'a> {
        let kind = Kind::State { lineage: self.lineage, serial: self.serial };
        Scope { stack: self.stack.as_str(), stage: self.stage.as_str(), kind, class, subject }
    }
}

impl Body {
    /// The body of a state under another lineage and serial, every secret encrypted anew.
    pub(crate) fn new(
        state: &StackState,
        lineage: &str,
        serial: u64,
        made: &Made,
        vault: &Vault,
    ) -> Result<Self, SealError> {
        body_text(state, lineage, serial, Some(made), Sealing { vault, secrets: Secrets::Left })
            .map(|text| Self(text.into_bytes()))
    }

    /// The text of the object, and its checksum.
    pub(crate) fn text(&self) -> (Vec<u8>, String) {
        let sum = checksum(&self.0);
        let head = format!(r#"{{"v":{FORMAT},"sum":"{sum}","body":"#);
        ([head.as_bytes(), &self.0, b"}\n"].concat(), sum)
    }
}

/// The text of a body; `made` is left out of documents.
pub(crate) fn body_text(
    state: &StackState,
    lineage: &str,
    serial: u64,
    made: Option<&Made>,
    sealing: Sealing<'_>,
) -> Result<String, SealError> {
    let generation = Generation { stack: &state.stack, stage: &state.stage, lineage, serial };
    let mut plugins = Vec::new();
    let mut indices: HashMap<(&Digest, &str, &str), usize> = HashMap::new();
    let mut resources = BTreeMap::new();
    for (address, entry) in &state.resources {
        let plugin = &entry.plugin;
        let index = *indices.entry((&plugin.digest, &plugin.name, &plugin.version)).or_insert_with(|| {
            plugins.push(plugin);
            plugins.len() - 1
        });
        let subject = address.to_string();
        let sealer = sealing.sealer(generation.scope("resource", &subject));
        resources.insert(address, EntryOut::new(entry, index, sealer)?);
    }
    let mut sealer = sealing.sealer(generation.scope("outputs", ""));
    let outputs = outputs_out(&state.outputs, &mut sealer)?;
    let marks = sealer.finish();
    let (stack, stage) = (&state.stack, &state.stage);
    let body = BodyOut { stack, stage, lineage, serial, made, plugins, resources, outputs, marks };
    Ok(serde_json::to_string(&body).expect("names and values are JSON"))
}

/// The format of a snapshot that this program cannot take apart, where it is a newer one.
fn newer(bytes: &[u8]) -> Option<u64> {
    serde_json::from_slice(bytes).ok().map(|Version { v }| v).filter(|v| *v > FORMAT)
}

pub(crate) fn checksum(body: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(body))
}

/// The texts of outputs that stand at the root of their record.
pub(crate) fn outputs_out<'a>(
    outputs: &'a BTreeMap<String, Value>,
    sealer: &mut Sealer<'_>,
) -> Result<BTreeMap<&'a str, Written<'a>>, SealError> {
    outputs.iter().map(|(name, value)| Ok((name.as_str(), sealer.value(&output_pointer(name), value)?))).collect()
}

fn output_pointer(name: &str) -> String {
    Pointer::root().child("outputs").child(name).to_string()
}

/// The way back of [`outputs_out`].
pub(crate) fn outputs_in(
    outputs: BTreeMap<String, Plain>,
    mut opener: Opener<'_>,
) -> Result<BTreeMap<String, Value>, OpenError> {
    let mut restored = BTreeMap::new();
    for (name, plain) in outputs {
        let value = opener.value(&output_pointer(&name), plain)?;
        restored.insert(name, value);
    }
    opener.finish().map(|()| restored)
}

impl Snapshot {
    /// Reads and checks a snapshot; against what a base says of it, where there is one.
    pub(crate) fn read(place: &str, bytes: &[u8], expected: Option<&SnapshotRef>) -> Result<Self, LoadError> {
        let damaged = |what: String| Damage { place: place.to_owned(), line: None, what };
        if bytes.is_empty() {
            return Err(damaged("it is empty".to_owned()).into());
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| match newer(bytes) {
            Some(found) => LoadError::from(NewerFormat { place: place.to_owned(), found, known: FORMAT }),
            None => damaged(format!("it is no snapshot ({error})")).into(),
        })?;
        if envelope.v > FORMAT {
            return Err(NewerFormat { place: place.to_owned(), found: envelope.v, known: FORMAT }.into());
        }
        if envelope.v != FORMAT || checksum(envelope.body.get().as_bytes()) != envelope.sum {
            return Err(damaged("the checksum does not match".to_owned()).into());
        }
        if expected.is_some_and(|expected| expected.sum != envelope.sum) {
            return Err(damaged("it is another snapshot than the journal goes on from".to_owned()).into());
        }
        let mut body: BodyIn = serde_json::from_str(envelope.body.get())
            .map_err(|error| damaged(format!("its body is not as it should be ({error})")))?;
        let made = body.made.take().ok_or_else(|| damaged("it does not say when it was made".to_owned()))?;
        Ok(Self { body, made, sum: envelope.sum.to_owned(), bytes: bytes.len() as u64 })
    }

    /// When it was made, and by whom.
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    /// Its checksum.
    pub(crate) fn sum(&self) -> &str {
        &self.sum
    }

    pub(crate) fn serial(&self) -> u64 {
        self.body.serial
    }

    /// The length of its text, bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many resources it has.
    pub(crate) fn resources(&self) -> usize {
        self.body.resources.len()
    }

    /// The state, decrypted.
    pub(crate) fn restore(
        self,
        place: &str,
        stack: &StackName,
        stage: &StageName,
        vault: &Vault,
    ) -> Result<StackState, LoadError> {
        self.body.restore(stack, stage, vault).map_err(|error| match error {
            OpenError::Key(error) => error.into(),
            OpenError::Damaged(what) => LoadError::from(Damage { place: place.to_owned(), line: None, what }),
        })
    }
}

impl BodyIn {
    pub(crate) fn lineage(&self) -> &str {
        &self.lineage
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// What is wrong where it is of another stack or stage.
    pub(crate) fn check_owner(&self, stack: &StackName, stage: &StageName) -> Result<(), String> {
        if (&self.stack, &self.stage) == (stack, stage) {
            return Ok(());
        }
        Err(format!("it is the state of stack `{}` in stage `{}`", self.stack, self.stage))
    }

    /// The state, decrypted.
    pub(crate) fn restore(self, stack: &StackName, stage: &StageName, vault: &Vault) -> Result<StackState, OpenError> {
        let damaged = OpenError::Damaged;
        self.check_owner(stack, stage).map_err(damaged)?;
        let body = self;
        let generation = Generation { stack, stage, lineage: &body.lineage, serial: body.serial };
        let mut resources = BTreeMap::new();
        for (address, mut entry) in body.resources {
            let plugin = body.plugins.get(entry.plugin);
            let plugin = plugin.ok_or_else(|| damaged(format!("`{address}` names no plugin")))?.clone();
            let subject = address.to_string();
            let marks = std::mem::take(&mut entry.marks);
            let opener = Opener::new(vault, generation.scope("resource", &subject), marks);
            let entry = entry.restore(plugin, opener)?;
            resources.insert(address, entry);
        }
        let opener = Opener::new(vault, generation.scope("outputs", ""), body.marks);
        let outputs = outputs_in(body.outputs, opener)?;
        let (stack, stage) = (stack.clone(), stage.clone());
        Ok(StackState { stack, stage, lineage: body.lineage, serial: body.serial, resources, outputs })
    }
}
