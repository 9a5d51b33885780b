//! The text of a snapshot: a checksum over the body, and the body with every resource, or the same encrypted as a whole.

use std::collections::{BTreeMap, HashMap};

use cofferdam_model::state::{PluginIdentity, StackState};
use cofferdam_model::{Address, Digest, Pointer, StackName, StageName, Value};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::entry::{EntryIn, EntryOut};
use crate::form::as_whole;
use crate::journal::SnapshotRef;
use crate::marks::{Marks, Opener, Sealer, Sealing};
use crate::places::Places;
use crate::vault::{Kind, OpenError, Scope, Vault};
use crate::written::{Plain, Written};
use crate::{Damage, Form, Holder, LoadError, NewerFormat, SealError};

/// The format of a body that can be read.
const CLEAR: u64 = 1;
/// The format of a body that is encrypted as a whole; the highest that is known.
const FORMAT: u64 = 2;

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

/// A body that is encrypted as a whole, bound to what stands beside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedBody {
    lineage: String,
    serial: u64,
    sealed: String,
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
pub(crate) struct Body {
    format: u64,
    text: String,
}

/// A snapshot as it was read: checked, not yet decrypted.
pub(crate) struct Snapshot {
    content: Content,
    sum: String,
}

enum Content {
    Clear(Box<BodyIn>),
    Sealed(SealedBody),
}

/// A snapshot whose secrets are not yet decrypted.
pub(crate) struct OpenSnapshot {
    body: BodyIn,
    made: Made,
}

/// Which snapshot it is: what its secrets are bound to.
#[derive(Clone, Copy)]
struct Generation<'a> {
    stack: &'a StackName,
    stage: &'a StageName,
    lineage: &'a str,
    serial: u64,
}

/// The class of a body that is encrypted as a whole.
const WHOLE: &str = "snapshot";

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
        (vault, form): (&Vault, Form),
    ) -> Result<Self, SealError> {
        let sealing = Sealing { vault, secrets: form.secrets() };
        let text = Zeroizing::new(body_text(state, lineage, serial, Some(made), sealing)?);
        if form == Form::Values {
            return Ok(Self { format: CLEAR, text: text.to_string() });
        }
        let generation = Generation { stack: &state.stack, stage: &state.stage, lineage, serial };
        let sealed = vault.seal(&generation.scope(WHOLE, ""), "", text.as_bytes())?;
        let body = SealedBody { lineage: lineage.to_owned(), serial, sealed };
        Ok(Self { format: FORMAT, text: serde_json::to_string(&body).expect("texts and numbers are JSON") })
    }

    /// The text of the object, and its checksum.
    pub(crate) fn text(&self) -> (Vec<u8>, String) {
        let Self { format, text } = self;
        let sum = checksum(text.as_bytes());
        let head = format!(r#"{{"v":{format},"sum":"{sum}","body":"#);
        ([head.as_bytes(), text.as_bytes(), b"}\n"].concat(), sum)
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
    /// Reads and checks a snapshot of that serial; against what a base says of it, where there is one.
    pub(crate) fn read(
        place: &str,
        bytes: &[u8],
        serial: u64,
        expected: Option<&SnapshotRef>,
    ) -> Result<Self, LoadError> {
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
        let known = [CLEAR, FORMAT].contains(&envelope.v);
        if !known || checksum(envelope.body.get().as_bytes()) != envelope.sum {
            return Err(damaged("the checksum does not match".to_owned()).into());
        }
        if expected.is_some_and(|expected| expected.sum != envelope.sum) {
            return Err(damaged("it is another snapshot than the journal goes on from".to_owned()).into());
        }
        let wrong = |error| damaged(format!("its body is not as it should be ({error})"));
        let content = match envelope.v {
            CLEAR => Content::Clear(Box::new(serde_json::from_str(envelope.body.get()).map_err(wrong)?)),
            _ => Content::Sealed(serde_json::from_str(envelope.body.get()).map_err(wrong)?),
        };
        let snapshot = Self { content, sum: envelope.sum.to_owned() };
        if snapshot.serial() != serial {
            return Err(damaged(format!("it is the state of serial {}", snapshot.serial())).into());
        }
        Ok(snapshot)
    }

    /// Its checksum.
    pub(crate) fn sum(&self) -> &str {
        &self.sum
    }

    pub(crate) fn serial(&self) -> u64 {
        match &self.content {
            Content::Clear(body) => body.serial,
            Content::Sealed(body) => body.serial,
        }
    }

    /// In which form it was written.
    pub(crate) fn form(&self) -> Form {
        match self.content {
            Content::Clear(_) => Form::Values,
            Content::Sealed(_) => Form::Whole,
        }
    }

    /// Decrypts it, where it is encrypted as a whole.
    pub(crate) fn open(self, place: &str, places: &Places, vault: &Vault) -> Result<OpenSnapshot, LoadError> {
        let damaged = |what: &str| Damage { place: place.to_owned(), line: None, what: what.to_owned() };
        let mut body = match self.content {
            Content::Clear(body) => *body,
            Content::Sealed(SealedBody { lineage, serial, sealed }) => {
                let generation = Generation { stack: &places.stack, stage: &places.stage, lineage: &lineage, serial };
                let plain = vault.open(&generation.scope(WHOLE, ""), "", &sealed).map_err(as_whole);
                let plain = plain.map_err(|error| load_error(place, error))?;
                // The parser's words would quote what was encrypted.
                let body: Option<BodyIn> = serde_json::from_slice(&plain).ok();
                body.filter(|body| (&body.lineage, body.serial) == (&lineage, serial))
                    .ok_or_else(|| damaged("its body is not as it should be"))?
            }
        };
        let made = body.made.take().ok_or_else(|| damaged("it does not say when it was made"))?;
        Ok(OpenSnapshot { body, made })
    }
}

impl OpenSnapshot {
    /// When it was made, and by whom.
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    pub(crate) fn serial(&self) -> u64 {
        self.body.serial
    }

    /// How many resources it has.
    pub(crate) fn resources(&self) -> usize {
        self.body.resources.len()
    }

    /// The state, decrypted.
    pub(crate) fn restore(self, place: &str, places: &Places, vault: &Vault) -> Result<StackState, LoadError> {
        self.body.restore(&places.stack, &places.stage, vault).map_err(|error| load_error(place, error))
    }
}

fn load_error(place: &str, error: OpenError) -> LoadError {
    match error {
        OpenError::Key(error) => error.into(),
        OpenError::Damaged(what) => Damage { place: place.to_owned(), line: None, what }.into(),
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
