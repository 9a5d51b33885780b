//! Every library error, mapped to an exit code, wording and hints. The one file that words them.

use std::error::Error;
use std::fmt::Write as _;

use cofferdam_engine::{Cause, ImportError, PlanError, SettleError, StalePlan, StepError, Task};
use cofferdam_home::store::StoreError;
use cofferdam_home::{
    BootstrapError, DocumentError, KeyError, LoadError as StateError, MigrateError, OpenHomeError, OpenStageError,
    ReencryptError, RepairError, SealError, SealPlanError, SecretsError, UnlockError, WriteError,
};
use cofferdam_model::Diagnostic;
use cofferdam_model::error::{ErrorKind, LimitKind, PluginFault, ProviderError};
use cofferdam_model::program::Program;
use cofferdam_model::redact::Redactor;
use cofferdam_runtime::{LoadError as PluginError, RuntimeError};

use crate::exit::Exit;
use crate::render::diagnostics::{self, SourceText};
use crate::render::style::{ERROR, HINT, paint};
use crate::render::value::printable;

/// What ends a command.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What was tried and what happened; empty where the findings say it all.
    message: String,
    /// What lies behind, outermost first.
    causes: Vec<String>,
    hints: Vec<String>,
    /// Findings in the user's files.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a command ends with.
pub type CliResult<T> = Result<T, CliError>;

impl CliError {
    /// An error in words.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new(), diagnostics: Vec::new() }
    }

    /// With something to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With everything that lies behind an error.
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // A transparent wrapper says the same again.
            if text != self.message && self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            source = cause.source();
        }
        self
    }

    /// With reasons that stand side by side.
    pub fn because(mut self, reasons: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(reasons);
        self
    }

    /// An error that is its findings.
    pub fn findings(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, ..Self::new(Exit::Invalid, "") }
    }

    fn of(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, error.to_string()).caused_by(error)
    }

    fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// The same error without any secret in its texts. Done before they are rendered, which breaks lines and takes
    /// characters out.
    pub fn redacted(self, redactor: &Redactor) -> Self {
        let all = |texts: Vec<String>| texts.iter().map(|text| redactor.redact(text)).collect();
        let diagnostics = self.diagnostics.into_iter().map(|finding| redactor.redact_diagnostic(finding)).collect();
        Self {
            exit: self.exit,
            message: redactor.redact(&self.message),
            causes: all(self.causes),
            hints: all(self.hints),
            diagnostics,
        }
    }

    /// The whole error as text.
    pub fn render(&self, sources: &dyn SourceText) -> String {
        let mut out: String =
            self.diagnostics.iter().map(|diagnostic| diagnostics::render(diagnostic, sources)).collect();
        if !self.message.is_empty() {
            let _ = writeln!(out, "{} {}", paint(ERROR, "error:"), printable(&self.message));
        }
        for cause in &self.causes {
            let _ = writeln!(out, "  caused by: {}", printable(cause));
        }
        for hint in &self.hints {
            let _ = writeln!(out, "{} {}", paint(HINT, "hint:"), hint.replace('\n', "\n      "));
        }
        out
    }

    /// The error as one JSON line's value.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "type": "error", "exit": self.exit as u8, "message": self.message, "causes": self.causes, "hints": self.hints,
            "diagnostics": self.diagnostics,
        })
    }
}

impl From<RuntimeError> for CliError {
    fn from(error: RuntimeError) -> Self {
        Self::of(Exit::Failed, &error)
    }
}

impl From<PluginError> for CliError {
    fn from(error: PluginError) -> Self {
        use cofferdam_runtime::ContractError;
        let hint = match &error {
            PluginError::Contract { source: ContractError::CoreModule, .. } => {
                Some("build it for the component model: `cargo build --release --target wasm32-wasip2`")
            }
            PluginError::Contract { source: ContractError::WrongVersion { .. }, .. } => Some(
                "install a cofferdam that serves that version, or ask the plugin's author for a build against this one",
            ),
            PluginError::Contract { source: ContractError::UnknownImports(_), .. } => {
                Some("the plugin may be made for a newer cofferdam, or for another host")
            }
            PluginError::Contract {
                source: ContractError::WrongWorld { .. } | ContractError::MissingExports(_),
                ..
            } => Some("a provider exports the interface `cofferdam:provider/provider`; the SDK's `export!` does that"),
            PluginError::Read { .. } => {
                Some("check `source` in the `provider` block; a path is relative to the stack's folder")
            }
            _ => None,
        };
        Self::of(Exit::Plugin, &error).with_hint(hint.map(str::to_owned))
    }
}

impl From<OpenHomeError> for CliError {
    fn from(error: OpenHomeError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<OpenStageError> for CliError {
    fn from(error: OpenStageError) -> Self {
        let exit = if matches!(error, OpenStageError::Locked { .. }) { Exit::Locked } else { Exit::Failed };
        Self::of(exit, &error).with_hint(error.hint())
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<BootstrapError> for CliError {
    fn from(error: BootstrapError) -> Self {
        let exit = if matches!(error, BootstrapError::Stopped) { Exit::Interrupted } else { Exit::Failed };
        Self::of(exit, &error).with_hint(error.hint())
    }
}

impl From<ProviderError> for CliError {
    fn from(error: ProviderError) -> Self {
        Self::of(Exit::Failed, &error)
    }
}

impl From<SealPlanError> for CliError {
    fn from(error: SealPlanError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<ReencryptError> for CliError {
    fn from(error: ReencryptError) -> Self {
        match error {
            ReencryptError::Key(error) => error.into(),
            ReencryptError::Open(error) => error.into(),
            ReencryptError::Load(error) => error.into(),
            ReencryptError::Write(error) => error.into(),
            ReencryptError::Secrets(error) => error.into(),
        }
    }
}

impl From<SecretsError> for CliError {
    fn from(error: SecretsError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<WriteError> for CliError {
    fn from(error: WriteError) -> Self {
        Self::of(Exit::Failed, &error)
            .with_hint(error.hint())
            .hint("nothing is lost: the next run goes on from what is written, and settles what was in flight")
    }
}

impl From<DocumentError> for CliError {
    fn from(error: DocumentError) -> Self {
        let hint = match &error {
            DocumentError::Key(_) => Some(
                "a document holds secrets that open in its own stage of its own home; for another one, print it with \
                 `cofferdam state pull --show-secrets`"
                    .to_owned(),
            ),
            DocumentError::Newer(newer) => Some(newer.hint()),
            DocumentError::Invalid(_) => {
                Some("`cofferdam state pull` prints one; host/docs/state.md describes it".into())
            }
            DocumentError::TooLarge(_) | DocumentError::Seal(_) => None,
        };
        Self::of(Exit::Invalid, &error).with_hint(hint)
    }
}

impl From<SealError> for CliError {
    fn from(error: SealError) -> Self {
        Self::of(Exit::Failed, &error)
    }
}

impl From<UnlockError> for CliError {
    fn from(error: UnlockError) -> Self {
        Self::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<MigrateError> for CliError {
    fn from(error: MigrateError) -> Self {
        let exit = match &error {
            MigrateError::Stage(OpenStageError::Locked { .. }) => Exit::Locked,
            MigrateError::NoHome(_) | MigrateError::Occupied(_) | MigrateError::Same(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::of(exit, &error).with_hint(error.hint())
    }
}

impl From<RepairError> for CliError {
    fn from(error: RepairError) -> Self {
        let hint = match &error {
            RepairError::Load(error) => error.hint(),
            RepairError::Store(error) => error.hint.clone(),
            RepairError::Copy(_) | RepairError::Changed(_) => Some("nothing was removed; repair again".to_owned()),
            RepairError::Lost(_) | RepairError::Seal(_) | RepairError::ReadOnly => None,
        };
        Self::of(Exit::Failed, &error).with_hint(hint)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = error.hint.clone();
        Self::of(Exit::Failed, &error).with_hint(hint)
    }
}

impl From<StalePlan> for CliError {
    fn from(error: StalePlan) -> Self {
        Self::of(Exit::Invalid, &error).hint("plan again")
    }
}

/// Why a write could not be settled.
pub fn settle_error(error: &SettleError, program: &dyn Program) -> CliError {
    match error {
        SettleError::Read(step) => {
            CliError { diagnostics: step_diagnostics(step, program), ..CliError::new(Exit::Failed, "") }
        }
        SettleError::Identity { .. } => {
            CliError::of(Exit::Usage, error).hint("give each of them: --identity KEY=VALUE --identity KEY=VALUE")
        }
        SettleError::NotThere(_) => {
            CliError::of(Exit::Failed, error).hint("where the create made nothing, say so with --absent")
        }
        SettleError::Unreadable(_) => CliError::of(Exit::Failed, error)
            .hint("delete the object by hand, then say that there is none with --absent"),
        SettleError::Journal(_) => CliError::of(Exit::Failed, error),
    }
}

/// Why there is no plan.
pub fn plan_error(error: &PlanError, program: &dyn Program) -> CliError {
    match error {
        PlanError::Invalid { diagnostics } => CliError::findings(located(diagnostics, program)),
        PlanError::Calls { errors, diagnostics } => {
            let mut all = located(diagnostics, program);
            let exit = errors.first().map_or(Exit::Failed, step_exit);
            all.extend(errors.iter().flat_map(|error| step_diagnostics(error, program)));
            CliError { diagnostics: all, ..CliError::new(exit, "") }
        }
        PlanError::Stopped => CliError::of(Exit::Interrupted, error),
        PlanError::Cycle(_) => CliError::of(Exit::Invalid, error),
    }
}

/// Why an object was not imported.
pub fn import_error(error: &ImportError, program: &dyn Program) -> CliError {
    let hint = match error {
        ImportError::Calls(error) => return plan_error(error, program),
        ImportError::NotDeclared { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
        ImportError::NotDeclared { address, .. } => {
            let (ty, name) = (address.resource_type(), address.name());
            format!("write its block first: resource \"{ty}\" \"{name}\" {{ … }}")
        }
        ImportError::Unreadable(_) => "its plugin has no `read` for it, or nothing that names its objects".to_owned(),
        ImportError::Identity { names, .. } => {
            names.iter().map(|name| format!("--id {name}=…")).collect::<Vec<_>>().join(" ")
        }
        ImportError::NoObject { .. } => "look for it where it was made; names are often case-sensitive".to_owned(),
    };
    let exit = match error {
        ImportError::Identity { .. } => Exit::Usage,
        ImportError::NotDeclared { .. } | ImportError::Unreadable(_) => Exit::Invalid,
        _ => Exit::Failed,
    };
    CliError::of(exit, error).hint(hint)
}

fn step_exit(error: &StepError) -> Exit {
    match &*error.cause {
        Cause::Inputs => Exit::Invalid,
        Cause::Provider(provider) => match (provider.kind, error.task) {
            // A type that the plugin does not have, and what its own check refuses.
            (ErrorKind::NotFound, Task::Describe) | (ErrorKind::InvalidInput, _) => Exit::Invalid,
            (ErrorKind::AccessDenied, _) => Exit::Denied,
            _ => Exit::Failed,
        },
        _ => Exit::Failed,
    }
}

/// Findings with their places in the user's files.
pub fn located(diagnostics: &[Diagnostic], program: &dyn Program) -> Vec<Diagnostic> {
    let locate = |diagnostic: &Diagnostic| {
        let span = diagnostic.address.as_ref().and_then(|address| program.locate(address, diagnostic.at.as_ref()));
        let mut diagnostic = diagnostic.clone();
        diagnostic.span = diagnostic.span.or(span);
        diagnostic
    };
    diagnostics.iter().map(locate).collect()
}

/// A failed step as findings: what was tried, what the outside said, what to do.
pub fn step_diagnostics(error: &StepError, program: &dyn Program) -> Vec<Diagnostic> {
    let plugin = error.plugin.as_ref().map_or_else(
        || format!("provider `{}`", error.provider),
        |plugin| format!("plugin `{}` {}", plugin.name, plugin.version),
    );
    let mut detail = format!("{plugin}, {} `{}`", error.task, error.address);
    if error.attempts > 1 {
        let _ = write!(detail, ", {} attempts", error.attempts);
    }
    if let Some(operation) = &error.operation {
        let _ = write!(detail, ", operation {operation}");
    }
    if let Cause::Provider(provider) = &*error.cause {
        let _ = write!(detail, "\nkind: {}", provider.kind);
        if let Some(id) = &provider.request_id {
            let _ = write!(detail, ", request id: {id}");
        }
    }
    let mut diagnostic =
        Diagnostic::error(format!("{error}: {}", error.cause)).about(&error.address).with_detail(detail);
    if let Some(hint) = error.hint().or_else(|| step_hint(&error.cause)) {
        diagnostic = diagnostic.with_hint(hint);
    }
    let mut all = located(&[diagnostic], program);
    all.extend(located(&error.diagnostics, program));
    all
}

fn step_hint(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::Fault(PluginFault::Limit { kind: LimitKind::Memory | LimitKind::Cpu | LimitKind::Wall, .. }) => {
            Some("the `limits` block of the provider's `grant` can raise this limit: `memory`, `cpu` or `wall`")
        }
        Cause::Fault(PluginFault::Contract(_)) => Some("this is a bug of the plugin; report it to its author"),
        Cause::Provider(error) if error.kind == ErrorKind::Throttled => {
            Some("the service wants fewer requests; lower --parallelism")
        }
        _ => None,
    }
}
