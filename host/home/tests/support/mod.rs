//! A home in a temporary directory, and states to put into it.

#![allow(dead_code, reason = "every test binary uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cofferdam_home::store::LocalStore;
use cofferdam_home::{Access, Clock, Encryption, Entropy, Form, Holder, Home, HomeCtx, Keys, Stage};
use cofferdam_model::journal::{Record, WriteKind};
use cofferdam_model::state::{Condition, Identity, PluginIdentity, ResourceEntry, ResourceState, StackState};
use cofferdam_model::{Address, Digest, OperationId, ProviderKey, StackName, StageName, Value};

/// What must not be in any file.
pub const SECRETS: [&str; 6] =
    ["hunter2-inputs", "hunter2-properties", "hunter2-hidden", "hunter2-checkpoint", "hunter2-output", "hunter2-name"];

const CHILD: &str = "child-of-a-test";

/// Whether another test started this one; without it, `--ignored` would start what never ends.
pub fn is_child() -> bool {
    Path::new(CHILD).exists()
}

pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}

/// A clock that stands until it is set forward.
#[derive(Default)]
pub struct TestClock(pub AtomicU64);

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A temporary directory with a home and, beside it, a user's configuration.
pub struct Place {
    pub directory: tempfile::TempDir,
    /// What of its states is encrypted.
    pub form: Form,
}

impl Place {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("temporary directory"), form: Form::Values }
    }

    /// The same, whose states are encrypted as a whole.
    pub fn whole() -> Self {
        Self { form: Form::Whole, ..Self::new() }
    }

    /// The directory for a child process that runs an ignored test of this binary.
    pub fn for_child(&self) -> &Path {
        std::fs::write(self.directory.path().join(CHILD), "").expect("written");
        self.directory.path()
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub fn identity(&self) -> PathBuf {
        self.directory.path().join("config/cofferdam/identity.txt")
    }

    pub fn keys(&self) -> Keys {
        let encryption = Encryption { form: self.form, ..Encryption::default() };
        Keys { encryption, ..Keys::new(self.identity()) }
    }

    pub fn home(&self) -> Home {
        self.home_with(self.keys())
    }

    pub fn home_with(&self, keys: Keys) -> Home {
        Home::open(self.ctx(keys)).expect("opens")
    }

    pub fn ctx(&self, keys: Keys) -> HomeCtx {
        let store = Arc::new(LocalStore::new(self.root()));
        HomeCtx { store, keys, clock: Arc::new(TestClock::default()), entropy: Arc::new(SystemEntropy) }
    }

    pub fn write(&self) -> Stage {
        self.home().open_stage(&stack(), &stage(), Access::Write(holder())).expect("not locked")
    }

    pub fn read(&self) -> Stage {
        self.home().open_stage(&stack(), &stage(), Access::Read).expect("opens")
    }

    /// The files of one kind of the stage's objects, in order: `journal`, `states`, `lease`.
    pub fn objects(&self, kind: &str) -> Vec<PathBuf> {
        let directory = self.root().join("stacks/shop/dev").join(kind);
        self.files().into_keys().filter(|path| path.starts_with(&directory)).collect()
    }

    /// The last piece of the journal.
    pub fn piece(&self) -> PathBuf {
        self.objects("journal").pop().expect("a journal")
    }

    /// The last snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.objects("states").pop().expect("a snapshot")
    }

    /// Every file of the home but leases, which come and go with each run.
    pub fn lasting(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.files();
        files.retain(|path, _| !path.iter().any(|part| part == "lease"));
        files
    }

    /// Every file under the root, with its bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.root(), &mut found);
        found
    }
}

/// A home in a directory, for a child process.
pub fn home_in(directory: &Path) -> Home {
    let keys = Keys::new(directory.join("identity.txt"));
    let store = Arc::new(LocalStore::new(directory.join("home")));
    let (clock, entropy) = (Arc::new(TestClock::default()), Arc::new(SystemEntropy));
    Home::open(HomeCtx { store, keys, clock, entropy }).expect("opens")
}

fn collect(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(&path).expect("read"));
        }
    }
}

pub fn stack() -> StackName {
    StackName::new("shop").expect("valid")
}

pub fn stage() -> StageName {
    StageName::new("dev").expect("valid")
}

pub fn holder() -> Holder {
    let pid = std::process::id();
    Holder {
        pid,
        user: "ada".into(),
        host: "ci-1".into(),
        command: "deploy".into(),
        since_ms: 1_700_000_000_000,
        url: None,
    }
}

pub fn empty() -> StackState {
    StackState::empty(stack(), stage())
}

pub fn address(i: usize) -> Address {
    format!("acme_thing.r{i}").parse().expect("valid")
}

pub fn operation(i: usize) -> OperationId {
    OperationId::from_random((i as u128).to_be_bytes())
}

pub fn plugin() -> PluginIdentity {
    PluginIdentity { name: "acme".into(), version: "0.3.1".into(), digest: Digest::of(b"component") }
}

pub fn object(entries: &[(&str, Value)]) -> Value {
    Value::object(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// A resource that refers to the one before it.
pub fn plain_entry(i: usize) -> ResourceEntry {
    let id = format!("thing-{i:06}");
    let inputs = object(&[
        ("name", format!("orders-{i}").as_str().into()),
        ("parent", format!("thing-{:06}", i.saturating_sub(1)).as_str().into()),
        ("retention", Value::from(14)),
    ]);
    let mut properties = inputs.clone();
    let entries = properties.as_object_mut().expect("an object");
    entries.insert("id".into(), id.as_str().into());
    entries.insert("arn".into(), format!("arn:acme:eu-west-1:123456789012:thing/{id}").as_str().into());
    ResourceEntry {
        provider: ProviderKey::new("acme", None).expect("valid"),
        plugin: plugin(),
        inputs,
        state: ResourceState {
            identity: Identity(vec![("/id".into(), id)]),
            properties,
            hidden: Vec::new(),
            schema_version: 1,
        },
        depends_on: if i == 0 { [].into() } else { [address(i - 1)].into() },
        condition: Condition::Whole,
    }
}

/// A resource with secrets in every place that can have one.
pub fn secret_entry(i: usize) -> ResourceEntry {
    let mut entry = plain_entry(i);
    let secret = |text: &str| Value::from(text).into_secret();
    let inputs = entry.inputs.as_object_mut().expect("an object");
    inputs.insert("password".into(), secret(SECRETS[0]));
    inputs.insert("options".into(), Value::list(vec![object(&[("pin", Value::from(1234).into_secret())])]));
    let properties = entry.state.properties.as_object_mut().expect("an object");
    properties.insert("keys".into(), object(&[("a/b~", secret(SECRETS[1])), ("clear", true.into())]).into_secret());
    properties.insert("name".into(), secret(SECRETS[5]));
    entry.state.identity.0.push(("/name".into(), SECRETS[5].into()));
    entry.state.hidden = SECRETS[2].into();
    entry.condition = Condition::Partial;
    entry
}

pub fn intent(i: usize) -> Record {
    let (kind, inputs) = (WriteKind::Create, Digest::of(b"inputs"));
    let provider = plain_entry(i).provider;
    let (operation, address, plugin) = (operation(i), address(i), plugin());
    Record::Intent { operation, address, kind, provider, plugin, inputs, desired: None }
}

pub fn result(i: usize, entry: Option<ResourceEntry>) -> Record {
    Record::Result { operation: Some(operation(i)), address: address(i), entry: entry.map(Arc::new) }
}

pub fn checkpoint(i: usize, partial: Option<ResourceState>) -> Record {
    Record::Checkpoint { operation: operation(i), checkpoint: SECRETS[3].into(), partial }
}

pub fn outputs() -> BTreeMap<String, Value> {
    [
        ("token".to_owned(), Value::from(SECRETS[4]).into_secret()),
        ("token-2".to_owned(), object(&[("a", Value::from(SECRETS[4]).into_secret())])),
        ("url".to_owned(), "https://acme.test".into()),
    ]
    .into()
}

/// A state of plain resources.
pub fn chain(count: usize) -> StackState {
    let resources = (0..count).map(|i| (address(i), plain_entry(i))).collect();
    StackState { resources, ..empty() }
}

/// Appends records and waits until they are durable.
pub async fn append(stage: &mut Stage, records: impl IntoIterator<Item = Record>) {
    let journal = stage.journal().expect("opens");
    for record in records {
        journal.append(record).await.expect("durable");
    }
}
