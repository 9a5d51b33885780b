//! Writes of former runs whose end no record tells: how each is settled, and how people are told. Nothing here guesses:
//! what cannot be found out is left to the user.

use std::sync::Arc;

use cofferdam_model::journal::{InFlight, WriteKind};
use cofferdam_model::schema::{Recreate, ResourceSchema};
use cofferdam_model::{Address, Diagnostic};
use serde::Serialize;

use crate::StepError;
use crate::calls::Subject;
use crate::graph::Graph;
use crate::kinds::Kind;
use crate::run::Run;

/// How a write is settled whose end no record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// It goes on from its checkpoint.
    Resume,
    /// The object is looked up by the operation that may have made it.
    LookUp,
    /// The object is known from the state, and is read.
    Read,
    /// The same call is made again, in the same operation.
    Repeat,
    /// The state stays as it was before the write, and the plan says what is left to do.
    Keep,
    /// Only the user can find out how it ended.
    ByHand,
}

impl Way {
    /// Whether it may change something outside, which takes the user's consent.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Resume | Self::Repeat)
    }

    /// The way of a write. Without a schema nothing can be asked of the plugin. `is_known`: the state has the object.
    pub(crate) fn of(write: &InFlight, schema: Option<&ResourceSchema>, is_known: bool) -> Self {
        if write.checkpoint.is_some() {
            return Self::Resume;
        }
        let Some(schema) = schema else { return Self::ByHand };
        let repeats = write.desired.is_some();
        match write.kind {
            WriteKind::Create if schema.handlers.read_operation => Self::LookUp,
            WriteKind::Create if schema.recreate == Recreate::Idempotent && repeats => Self::Repeat,
            WriteKind::Create => Self::ByHand,
            WriteKind::Update | WriteKind::Delete if !is_known => Self::Keep,
            WriteKind::Update | WriteKind::Delete if schema.handlers.read => Self::Read,
            // An intent of an older host does not hold the inputs.
            WriteKind::Update if !repeats => Self::Keep,
            WriteKind::Update | WriteKind::Delete => Self::Repeat,
        }
    }

    fn hint(self, write: &InFlight, schema: Option<&ResourceSchema>) -> String {
        let how = match self {
            Self::Resume => "resumes it",
            Self::LookUp => "looks it up by its operation",
            Self::Read => "reads the object",
            Self::Repeat => "makes the same call again, in the same operation,",
            Self::Keep => "takes the state at its word for this one",
            Self::ByHand => return by_hand(write, schema),
        };
        format!("the next deploy {how} before it plans")
    }
}

/// What serves the resource of a write: what began it, also where the stack no longer has the resource; else what the
/// stack says.
pub(crate) async fn served(run: &Run, graph: &Graph, write: &InFlight) -> Result<(Subject, Arc<Kind>), Box<StepError>> {
    let former = run.former(&write.address, &write.provider).await?;
    let (mut subject, kind) = match former {
        Some(former) => former,
        None => {
            let node = graph.index_of(&write.address).map(|i| &graph.nodes[i]);
            let subject = Subject::new(&write.address, node.map_or(&write.provider, |node| &node.provider));
            let kind = run.kind(&subject).await?;
            (subject, kind)
        }
    };
    subject.operation = Some(write.operation.clone());
    subject.plugin = Some(write.plugin.clone());
    Ok((subject, kind))
}

/// What a plan says of a write, and how it will be settled.
pub(crate) fn warning(write: &InFlight, schema: Option<&ResourceSchema>, way: Way) -> Diagnostic {
    let InFlight { address, operation, plugin, .. } = write;
    let mut detail = format!("operation `{operation}` of plugin `{}` {}", plugin.name, plugin.version);
    if let Some(command) = &write.command {
        detail.push_str(&format!(", begun by `{command}`"));
    }
    let how = match way {
        Way::Resume => "still goes on",
        _ => "was cut off; how it ended is not known",
    };
    Diagnostic::warning(format!("a former run's {} of `{address}` {how}", name(write.kind)))
        .with_detail(detail)
        .with_hint(way.hint(write, schema))
        .about(address)
}

/// What to do about a step that is not begun because a write of its resource is not settled.
pub(crate) fn step_hint(write: &InFlight, schema: Option<&ResourceSchema>, way: Way) -> String {
    match way {
        Way::ByHand => by_hand(write, schema),
        way => format!("{}; to settle it yourself: {}", way.hint(write, schema), by_hand(write, schema)),
    }
}

fn by_hand(write: &InFlight, schema: Option<&ResourceSchema>) -> String {
    let settle = format!("`cofferdam state settle {}", write.address);
    let (absent, present) = match write.kind {
        WriteKind::Create => ("was not made", "was"),
        WriteKind::Update | WriteKind::Delete => ("is gone", "is there"),
    };
    match identity_flags(schema) {
        Some(flags) => format!("if the object {absent}, {settle} --absent`; if it {present}, {settle} {flags}`"),
        None => format!("if the object {absent}, or once you have removed it, {settle} --absent`"),
    }
}

/// The flags that name an object; none where no object of the type can be read.
fn identity_flags(schema: Option<&ResourceSchema>) -> Option<String> {
    let Some(schema) = schema else { return Some("--identity KEY=VALUE".to_owned()) };
    let flags: Vec<String> = identity_keys(schema).map(|key| format!("--identity {key}=VALUE")).collect();
    (schema.handlers.read && !flags.is_empty()).then(|| flags.join(" "))
}

/// What users call the parts of a type's identifier.
pub(crate) fn identity_keys(schema: &ResourceSchema) -> impl Iterator<Item = String> {
    schema.primary_identifier.iter().map(|pointer| pointer.parts().join("/"))
}

fn name(kind: WriteKind) -> &'static str {
    match kind {
        WriteKind::Create => "create",
        WriteKind::Update => "update",
        WriteKind::Delete => "delete",
    }
}

/// The write that keeps a resource from being touched.
pub(crate) fn held<'w>(in_flight: &'w [InFlight], address: &Address) -> Option<&'w InFlight> {
    in_flight.iter().find(|write| write.address == *address)
}
