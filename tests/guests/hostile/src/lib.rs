//! A plugin that does, on request, what no plugin should. The resource's `deed` says what, its type says when: in
//! `create` for `hostile_act`, in `check` for `hostile_check`, in `plan` for `hostile_plan`. What `describe` does
//! stands in a script that tests write into the compiled component.
//!
//! Made on the bare contract: the SDK would not let most of this out.
#![expect(clippy::result_large_err, reason = "the contract's failure record")]

mod answers;
mod excess;
mod reach;
mod script;

use cofferdam_sdk::bindings;
use cofferdam_sdk::bindings::cofferdam::provider::types::{
    CallContext, DeleteOutcome, Document, ErrorKind, Failure, Identity, ProviderError, ResourceState, ResumeOutcome,
    WriteOutcome,
};
use cofferdam_sdk::bindings::exports::cofferdam::provider::provider::{
    Checked, Guest, Manifest, Origin, Page, Planned, ReplaceOrder, Target,
};
use cofferdam_sdk::serde_json::{self, Value, json};

struct Hostile;

bindings::export!(Hostile with_types_in bindings);

const TYPES: [&str; 3] = ["hostile_act", "hostile_check", "hostile_plan"];

impl Guest for Hostile {
    fn describe() -> Manifest {
        script::describe()
    }

    fn describe_resource(name: String) -> Result<String, ProviderError> {
        if let Some(schema) = script::schema() {
            return Ok(schema);
        }
        let schema = json!({
            "typeName": name,
            "type": "object",
            "additionalProperties": false,
            "required": ["deed"],
            "properties": {
                "deed": { "type": "string" },
                "target": { "type": "string" },
                "id": { "type": "string" },
                "found": { "type": "string" },
            },
            "primaryIdentifier": ["/properties/id"],
            "createOnlyProperties": ["/properties/deed", "/properties/target"],
            "readOnlyProperties": ["/properties/id", "/properties/found"],
            "handlers": { "create": {}, "delete": {} },
            "x-cofferdam-check": name == "hostile_check",
            "x-cofferdam-plan": name == "hostile_plan",
        });
        Ok(schema.to_string())
    }

    fn describe_function(_: String) -> Result<String, ProviderError> {
        Err(error(ErrorKind::NotFound, "there are no functions"))
    }

    fn configure(_: CallContext, _: Document) -> Result<Vec<u8>, ProviderError> {
        Ok(Vec::new())
    }

    fn check(
        _: Vec<u8>,
        _: CallContext,
        _: String,
        inputs: Document,
        _: Option<ResourceState>,
    ) -> Result<Checked, ProviderError> {
        let _ = perform(&inputs).map_err(|failure| failure.error)?;
        Ok(Checked { inputs, diagnostics: Vec::new() })
    }

    fn plan(
        _: Vec<u8>,
        _: CallContext,
        _: String,
        _: Option<ResourceState>,
        inputs: Document,
    ) -> Result<Planned, ProviderError> {
        let _ = perform(&inputs).map_err(|failure| failure.error)?;
        Ok(Planned { after: inputs, replace: Vec::new(), order: ReplaceOrder::Either, diagnostics: Vec::new() })
    }

    fn create(_: Vec<u8>, _: CallContext, name: String, inputs: Document) -> Result<WriteOutcome, Failure> {
        if name == "hostile_act" { perform(&inputs) } else { Ok(done(&inputs, "nothing")) }
    }

    fn update(
        _: Vec<u8>,
        _: CallContext,
        _: String,
        _: ResourceState,
        _: Document,
        _: String,
    ) -> Result<WriteOutcome, Failure> {
        Err(unsupported().into_failure())
    }

    fn delete(_: Vec<u8>, _: CallContext, _: String, _: ResourceState) -> Result<DeleteOutcome, Failure> {
        Ok(DeleteOutcome::Done)
    }

    fn resume(_: Vec<u8>, _: CallContext, _: String, _: Vec<u8>) -> Result<ResumeOutcome, Failure> {
        Err(unsupported().into_failure())
    }

    fn read(_: Vec<u8>, _: CallContext, _: String, _: Target) -> Result<Option<ResourceState>, ProviderError> {
        Err(unsupported())
    }

    fn list(
        _: Vec<u8>,
        _: CallContext,
        _: String,
        _: Document,
        _: Option<String>,
        _: u32,
    ) -> Result<Page, ProviderError> {
        Err(unsupported())
    }

    fn migrate(_: Origin, _: String, _: Document, _: Vec<u8>) -> Result<ResourceState, ProviderError> {
        Err(unsupported())
    }

    fn invoke(_: Vec<u8>, _: CallContext, _: String, _: Document) -> Result<Document, ProviderError> {
        Err(unsupported())
    }
}

/// Does what the inputs ask for.
fn perform(inputs: &Document) -> Result<WriteOutcome, Failure> {
    let properties = properties(inputs);
    let text = |name: &str| properties[name].as_str().unwrap_or_default().to_owned();
    let (deed, target) = (text("deed"), text("target"));
    excess::perform(&deed)
        .or_else(|| answers::perform(inputs, &deed))
        .or_else(|| reach::perform(inputs, &deed, &target))
        .unwrap_or_else(|| Err(error(ErrorKind::InvalidInput, &format!("there is no deed `{deed}`")).into_failure()))
}

fn properties(inputs: &Document) -> Value {
    serde_json::from_str(&inputs.json).unwrap_or_default()
}

/// The answer of a create that went well.
fn done(inputs: &Document, found: &str) -> WriteOutcome {
    let mut properties = properties(inputs);
    properties["id"] = "hostile".into();
    properties["found"] = found.into();
    WriteOutcome::Done(state(properties.to_string()))
}

fn state(json: String) -> ResourceState {
    ResourceState {
        identity: Identity { keys: vec![("/properties/id".to_owned(), "hostile".to_owned())] },
        properties: Document { json, unknown: Vec::new(), secret: Vec::new() },
        hidden: Vec::new(),
        schema_version: 1,
    }
}

fn error(kind: ErrorKind, message: &str) -> ProviderError {
    ProviderError { kind, message: message.to_owned(), diagnostics: Vec::new(), retry_after_ms: None, request_id: None }
}

fn unsupported() -> ProviderError {
    error(ErrorKind::Unsupported, "the hostile plugin does not do that")
}

trait IntoFailure {
    fn into_failure(self) -> Failure;
}

impl IntoFailure for ProviderError {
    fn into_failure(self) -> Failure {
        Failure { error: self, partial: None }
    }
}
