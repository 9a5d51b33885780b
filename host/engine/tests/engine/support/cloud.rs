//! A cloud in memory behind scripted providers. Every call is logged; what a call does can be scripted by the call and
//! the resource, one script a call.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cofferdam_model::error::{CallError, ErrorKind, PluginFault, ProviderError, WriteFailure};
use cofferdam_model::provider::{
    Call, Checked, Mode, Pending, Planned, Provider, Providers, ReplaceOrder, Target, WriteOutcome,
};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::{Identity, PluginIdentity, ResourceState};
use cofferdam_model::{Data, Digest, OperationId, Pointer, ProviderKey, ResourceType, Value, document};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::Fuse;

/// What a call does instead of just working.
#[derive(Clone, Debug)]
pub enum Script {
    /// Works, after so many milliseconds.
    Slow(u64),
    /// Answers with an error and does nothing.
    Fails(ErrorKind),
    /// The same, asking for a wait.
    FailsFor(ErrorKind, u64),
    /// Answers with an error after it made the object.
    FailsPartly(ErrorKind),
    /// Crashes and does nothing.
    Traps,
    /// Crashes after it did everything.
    Dies,
    /// Answers `pending` that many times, then works.
    Pends(u32, u32),
    /// Works, and says this in the object.
    Says(Json),
    /// Works, and says of this property that it is unknown.
    Hides(&'static str),
    /// The error's text holds this.
    Tells(String),
}

/// The schema that types have unless another is given.
pub const SCHEMA: &str = r#"{
    "properties": {
        "id": {"type": "string"}, "arn": {"type": "string"}, "name": {"type": "string"},
        "value": {}, "size": {"type": "integer", "default": 1}, "password": {"type": "string"},
        "deps": {"type": "array"}, "opts": {"type": "object"}, "old": {"type": "string"}, "note": {"type": "string"}
    },
    "primaryIdentifier": ["/properties/id"], "readOnlyProperties": ["/properties/id", "/properties/arn"],
    "createOnlyProperties": ["/properties/name"], "writeOnlyProperties": ["/properties/password"],
    "deprecatedProperties": ["/properties/old"], "x-cofferdam-sensitive": ["/properties/password"],
    "handlers": {"create": {}, "read": {}, "update": {}, "delete": {}}
}"#;

/// A keyword that makes lost objects be found by their operation.
pub const LOOKED_UP: &str = r#""x-cofferdam-read-operation": true"#;
/// A keyword that makes creates repeatable.
pub const IDEMPOTENT: &str = r#""x-cofferdam-create": "idempotent""#;

/// [`SCHEMA`] with another keyword.
pub fn with(keyword: &str) -> String {
    SCHEMA.replacen('{', &format!("{{{keyword},"), 1)
}

#[derive(Default)]
pub struct World {
    pub schemas: HashMap<String, String>,
    /// Objects by id.
    pub objects: BTreeMap<String, Value>,
    /// `create t.a`, in the order of the calls.
    pub log: Vec<String>,
    /// The patch of every update.
    pub patches: Vec<String>,
    /// The operation ids and attempts of writes.
    pub attempts: Vec<(OperationId, u32)>,
    pub modes: Vec<Mode>,
    pub configs: Vec<Value>,
    /// `create t.a by t`, in the order of the calls.
    pub served: Vec<String>,
    /// Providers that there are not.
    pub unknown: BTreeSet<ProviderKey>,
    scripts: HashMap<String, VecDeque<Script>>,
    /// What operations made.
    pub made: HashMap<OperationId, String>,
    /// The inputs of every create.
    pub created: Vec<Value>,
    count: usize,
    /// The most calls at one time.
    pub peak: usize,
    now: usize,
}

#[derive(Clone, Default)]
pub struct Cloud(pub Arc<Mutex<World>>, pub Fuse);

impl Cloud {
    pub fn schema(&self, ty: &str, text: &str) {
        self.0.lock().schemas.insert(ty.to_owned(), text.to_owned());
    }

    /// What the next call does, such as `create t.a`.
    pub fn script(&self, call: &str, script: Script) {
        self.0.lock().scripts.entry(call.to_owned()).or_default().push_back(script);
    }

    pub fn unscript(&self) {
        self.0.lock().scripts.clear();
    }

    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().log)
    }

    pub fn log(&self) -> Vec<String> {
        self.0.lock().log.clone()
    }

    /// Changes an object behind the engine's back.
    pub fn meddle(&self, id: &str, place: &str, with: Json) {
        let mut world = self.0.lock();
        let object = world.objects.get_mut(id).expect("there");
        *object.at_mut(&Pointer::parse(place).expect("valid")).expect("there") = super::value(&with);
    }
}

struct FakeProvider {
    cloud: Cloud,
    key: ProviderKey,
    plugin: PluginIdentity,
}

pub fn plugin() -> PluginIdentity {
    PluginIdentity { name: "fake".into(), version: "1.2.3".into(), digest: Digest::of(b"fake") }
}

#[async_trait]
impl Providers for Cloud {
    async fn schema(&self, key: &ProviderKey, ty: &ResourceType) -> Result<Arc<ResourceSchema>, CallError> {
        if self.0.lock().unknown.contains(key) {
            return Err(error(ErrorKind::NotFound).into());
        }
        let text = self.0.lock().schemas.get(ty.as_str()).cloned().unwrap_or_else(|| SCHEMA.to_owned());
        Ok(Arc::new(ResourceSchema::parse(ty, &text)?))
    }

    async fn configure(&self, key: &ProviderKey, config: &Value, mode: Mode) -> Result<Arc<dyn Provider>, CallError> {
        let mut world = self.0.lock();
        world.log.push(format!("configure {key}"));
        world.modes.push(mode);
        world.configs.push(config.clone());
        drop(world);
        Ok(Arc::new(FakeProvider { cloud: self.clone(), key: key.clone(), plugin: plugin() }))
    }
}

fn error(kind: ErrorKind) -> ProviderError {
    ProviderError::new(kind, format!("the service said {kind}"))
}

/// Counts the calls that go on.
struct Going(Cloud);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.0.lock().now -= 1;
    }
}

impl FakeProvider {
    async fn began(&self, verb: &str, call: &Call) -> Result<(Option<Script>, Going), ProviderError> {
        self.cloud.1.burn().await;
        let name = format!("{verb} {}", call.address.as_ref().expect("every call has one"));
        let script = {
            let mut world = self.cloud.0.lock();
            world.log.push(name.clone());
            world.served.push(format!("{name} by {}", self.key));
            world.now += 1;
            world.peak = world.peak.max(world.now);
            if let Some(operation) = &call.operation {
                world.attempts.push((operation.clone(), call.attempt));
            }
            world.scripts.get_mut(&name).and_then(VecDeque::pop_front)
        };
        let going = Going(self.cloud.clone());
        match &script {
            Some(Script::Slow(ms)) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Some(Script::Fails(kind)) => return Err(error(*kind)),
            Some(Script::FailsFor(kind, ms)) => {
                return Err(ProviderError { retry_after_ms: Some(*ms), ..error(*kind) });
            }
            Some(Script::Tells(text)) => return Err(ProviderError::new(ErrorKind::InvalidInput, text.clone())),
            _ => {}
        }
        Ok((script, going))
    }

    fn store(&self, id: &str, inputs: &Value) -> ResourceState {
        let mut properties = inputs.clone();
        let entries = properties.as_object_mut().expect("inputs are objects");
        entries.remove("password");
        entries.insert("id".into(), id.into());
        entries.insert("arn".into(), format!("arn:{id}").as_str().into());
        // Not an input and not read-only: what a service fills in by itself.
        entries.entry("note".into()).or_insert_with(|| "filled in".into());
        let properties = properties.without_marks();
        self.cloud.0.lock().objects.insert(id.to_owned(), properties.clone());
        state(id, properties)
    }

    fn make(&self, call: &Call, inputs: &Value) -> ResourceState {
        let operation = call.operation.clone().expect("writes have one");
        let id = {
            let mut world = self.cloud.0.lock();
            world.created.push(inputs.clone());
            world.count += 1;
            let fresh = format!("{}#{}", call.address.as_ref().expect("there"), world.count);
            world.made.entry(operation).or_insert(fresh).clone()
        };
        self.store(&id, inputs)
    }

    fn finish_write(
        &self,
        verb: &str,
        call: &Call,
        script: Option<Script>,
        make: impl FnOnce() -> ResourceState,
    ) -> Result<WriteOutcome, WriteFailure> {
        match script {
            Some(Script::Traps) => Err(PluginFault::Trap("unreachable".into()).into()),
            Some(Script::Dies) => {
                make();
                Err(PluginFault::Trap("unreachable".into()).into())
            }
            Some(Script::FailsPartly(kind)) => Err(WriteFailure { partial: Some(make()), ..error(kind).into() }),
            Some(Script::Says(json)) => {
                let mut state = make();
                state.properties = super::value(&json);
                Ok(WriteOutcome::Written(state))
            }
            Some(Script::Hides(property)) => {
                let mut state = make();
                let entries = state.properties.as_object_mut().expect("an object");
                entries.insert(property.to_owned(), Value::unknown());
                Ok(WriteOutcome::Written(state))
            }
            Some(Script::Pends(times, wait)) => {
                let state = make();
                let checkpoint = json!({"times": times, "wait": wait, "verb": verb, "id": id(&state)}).to_string();
                Ok(WriteOutcome::Pending(Pending {
                    checkpoint: checkpoint.into_bytes(),
                    poll_after_ms: wait,
                    note: Some(format!("{} is on its way", call.address.as_ref().expect("there"))),
                    partial: (verb != "delete").then_some(state),
                }))
            }
            _ => Ok(WriteOutcome::Written(make())),
        }
    }
}

pub fn id(state: &ResourceState) -> String {
    state.properties.part("id").and_then(|id| id.as_str().map(str::to_owned)).expect("every object has an id")
}

fn state(id: &str, properties: Value) -> ResourceState {
    let identity = Identity(vec![("/id".into(), id.into())]);
    ResourceState { identity, properties, hidden: Vec::new(), schema_version: 0 }
}

#[async_trait]
impl Provider for FakeProvider {
    fn plugin(&self) -> &PluginIdentity {
        &self.plugin
    }

    async fn check(
        &self,
        call: Call,
        _: &ResourceType,
        inputs: &Value,
        _: Option<&ResourceState>,
    ) -> Result<Checked, CallError> {
        self.began("check", &call).await?;
        let mut inputs = inputs.clone();
        let entries = inputs.as_object_mut().expect("an object");
        entries.entry("note".into()).or_insert_with(|| "checked".into());
        Ok(Checked { inputs, diagnostics: Vec::new() })
    }

    /// `Says` is what `after` becomes; `value` may force a replacement by holding `"replace"`.
    async fn plan(
        &self,
        call: Call,
        _: &ResourceType,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> Result<Planned, CallError> {
        let (script, _going) = self.began("plan", &call).await?;
        let mut after = match (script, prior) {
            (Some(Script::Says(json)), _) => super::value(&json),
            (_, Some(prior)) => prior.properties.clone(),
            (_, None) => Value::object(BTreeMap::new()),
        };
        let entries = after.as_object_mut().expect("an object");
        for (key, input) in inputs.as_object().into_iter().flatten().filter(|(key, _)| *key != "password") {
            entries.insert(key.clone(), input.clone());
        }
        let mut replace = Vec::new();
        if prior.is_some() && inputs.part("value").is_some_and(|value| value.as_str() == Some("replace")) {
            replace.push((Pointer::parse("/value").expect("valid"), "the service cannot do that".to_owned()));
        }
        Ok(Planned { after, replace, order: ReplaceOrder::Either, diagnostics: Vec::new() })
    }

    async fn create(&self, call: Call, _: &ResourceType, inputs: &Value) -> Result<WriteOutcome, WriteFailure> {
        assert!(inputs.is_wholly_known(), "every value is known in a write");
        let (script, _going) = self.began("create", &call).await?;
        let outcome = self.finish_write("create", &call, script, || self.make(&call, inputs));
        self.cloud.1.burn().await;
        outcome
    }

    async fn update(
        &self,
        call: Call,
        _: &ResourceType,
        prior: &ResourceState,
        inputs: &Value,
        patch: String,
    ) -> Result<WriteOutcome, WriteFailure> {
        assert!(inputs.is_wholly_known(), "every value is known in a write");
        let (script, _going) = self.began("update", &call).await?;
        self.cloud.0.lock().patches.push(patch);
        let there = self.cloud.0.lock().objects.contains_key(&id(prior));
        if !there {
            return Err(error(ErrorKind::NotFound).into());
        }
        let outcome = self.finish_write("update", &call, script, || self.store(&id(prior), inputs));
        self.cloud.1.burn().await;
        outcome
    }

    async fn delete(&self, call: Call, _: &ResourceType, prior: &ResourceState) -> Result<WriteOutcome, WriteFailure> {
        let (script, _going) = self.began("delete", &call).await?;
        match &script {
            Some(Script::Traps) => return Err(PluginFault::Trap("unreachable".into()).into()),
            Some(Script::Pends(..)) => return self.finish_write("delete", &call, script, || prior.clone()),
            _ => {}
        }
        let removed = self.cloud.0.lock().objects.remove(&id(prior));
        self.cloud.1.burn().await;
        match (script, removed) {
            (Some(Script::Dies), _) => Err(PluginFault::Trap("unreachable".into()).into()),
            (_, Some(_)) => Ok(WriteOutcome::Deleted),
            (_, None) => Err(error(ErrorKind::NotFound).into()),
        }
    }

    async fn resume(&self, call: Call, _: &ResourceType, checkpoint: Vec<u8>) -> Result<WriteOutcome, WriteFailure> {
        let (script, _going) = self.began("resume", &call).await?;
        if let Some(Script::Traps) = script {
            return Err(PluginFault::Trap("unreachable".into()).into());
        }
        let mut now: Json = serde_json::from_slice(&checkpoint).expect("its own checkpoint");
        let text = |key: &str| now[key].as_str().expect("its own checkpoint").to_owned();
        let (verb, id) = (text("verb"), text("id"));
        let left = now["times"].as_u64().expect("its own checkpoint");
        if left > 1 {
            now["times"] = (left - 1).into();
            let poll_after_ms = u32::try_from(now["wait"].as_u64().expect("its own checkpoint")).expect("small");
            let checkpoint = now.to_string().into_bytes();
            return Ok(WriteOutcome::Pending(Pending { checkpoint, poll_after_ms, note: None, partial: None }));
        }
        let mut world = self.cloud.0.lock();
        if verb == "delete" {
            world.objects.remove(&id);
            return Ok(WriteOutcome::Deleted);
        }
        let properties = world.objects.get(&id).cloned().expect("made before");
        Ok(WriteOutcome::Written(state(&id, properties)))
    }

    async fn read(&self, call: Call, _: &ResourceType, target: Target) -> Result<Option<ResourceState>, CallError> {
        self.began("read", &call).await?;
        let id = match target {
            Target::State(prior) => id(&prior),
            Target::Identity(Identity(keys)) => match &keys[..] {
                [(key, id)] if key == "/properties/id" => id.clone(),
                _ => return Err(error(ErrorKind::InvalidInput).into()),
            },
            Target::Operation(operation) => match self.cloud.0.lock().made.get(&operation) {
                Some(id) => id.clone(),
                None => return Ok(None),
            },
        };
        let object = self.cloud.0.lock().objects.get(&id).cloned();
        Ok(object.map(|properties| state(&id, properties)))
    }

    async fn migrate(&self, _: &ResourceType, old: &ResourceState) -> Result<ResourceState, CallError> {
        self.cloud.0.lock().log.push("migrate".into());
        let mut new = old.clone();
        assert!(matches!(new.properties.data(), Data::Object(_)));
        let entries = new.properties.as_object_mut().expect("an object");
        if let Some(size) = entries.remove("length") {
            entries.insert("size".into(), size);
        }
        Ok(new)
    }
}

/// JSON of a value, for comparisons.
pub fn json_of(value: &Value) -> Json {
    document::to_json(value)
}
