//! Saved plans: a plan in a file, encrypted with the keys of the stack's home, together with what it was made from.
//! `host/docs/plans.md` says what stands where.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cofferdam_engine::{Plan, SavePlanError, SavedPlan};
use cofferdam_home::{Made, OpenPlanError, PlanScope};
use cofferdam_model::state::{PluginIdentity, StackState};
use cofferdam_model::{Digest, ProviderKey};
use cofferdam_stack::{Basis, EncryptionSetting};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args::Global;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::given::Given;
use crate::project::Project;
use crate::render::events::duration;
use crate::session::Session;

pub use file::Header;

/// What is encrypted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    plan: SavedPlan,
    basis: Basis,
    given: Given,
}

/// A saved plan that was read.
pub struct Saved {
    /// Its file.
    pub path: PathBuf,
    /// What stands in clear.
    pub header: Header,
    /// The plan.
    pub plan: SavedPlan,
    /// What it was made from.
    pub basis: Basis,
    /// What was given for the variables.
    pub given: Given,
}

/// Refuses a path that would be in the way.
pub fn check_path(path: &Path) -> CliResult<()> {
    if path.extension().is_some_and(|extension| extension == "hcl") {
        let message = format!("`{}` would be read as a file of the stack", path.display());
        return Err(CliError::new(Exit::Usage, message).hint("give the plan another name, such as `release.plan`"));
    }
    Ok(())
}

/// Writes a plan into a file that is replaced as a whole.
pub fn save(
    session: &Session,
    project: &Project,
    path: &Path,
    (plan, state): (Plan, &StackState),
    plugins: BTreeMap<ProviderKey, PluginIdentity>,
) -> CliResult<Saved> {
    let plan = SavedPlan::new(plan, state).map_err(|error| match error {
        SavePlanError::InFlight(_) => CliError::new(Exit::Invalid, format!("the plan is not saved: {error}"))
            .hint("`cofferdam deploy` settles it first; plan again after that"),
        SavePlanError::Stale(stale) => stale.into(),
    })?;
    let home = session.home(project)?;
    let basis = project.stack.basis();
    let made = Made { at_ms: session.clock.epoch_ms(), by: session.holder("plan") };
    let place = (project.stack.home(), home.id_of_made()?, &project.stack.encryption().kms[..]);
    let header = Header::new(plan.plan(), place, &basis, plugins, made);
    let given = project.given.only(basis.variables());
    let body = Body { plan, basis, given };
    let plain = serde_json::to_vec(&body)
        .map_err(|error| CliError::new(Exit::Failed, format!("the plan cannot be saved: {error}")))?;
    let head = header.line();
    let sealed = home.seal_plan(&scope(&header, &digest(&head)), plain)?;
    file::write(path, &head, &sealed)?;
    let Body { plan, basis, given } = body;
    Ok(Saved { path: path.to_owned(), header, plan, basis, given })
}

/// Reads a saved plan and teaches the redactor its secrets.
pub fn open(session: &Session, global: &Global, path: &Path) -> CliResult<Saved> {
    let file = file::read(path)?;
    let header = file.header;
    let encryption = EncryptionSetting { kms: header.kms.clone(), ..EncryptionSetting::default() };
    let home = session.home_at(&global.dir, &header.home, &encryption)?;
    if home.id()?.as_ref() != Some(&header.home_id) {
        let message = format!("the plan `{}` was made with another home", path.display());
        return Err(CliError::new(Exit::Invalid, message)
            .hint("name the folder of its stack with --dir, or plan again with the home that is there"));
    }
    let plain = home.open_plan(&scope(&header, &digest(&file.head)), &file.sealed).map_err(|error| match error {
        OpenPlanError::Key(error) => error.into(),
        OpenPlanError::Changed => file::damaged(path, error.to_string()),
    })?;
    // The parser's words would quote secrets.
    let body = serde_json::from_slice(&plain)
        .map_err(|_| file::damaged(path, "it does not hold what this cofferdam writes".to_owned()))?;
    let Body { plan, basis, given } = body;
    learn(session, plan.plan());
    Ok(Saved { path: path.to_owned(), header, plan, basis, given })
}

fn digest(head: &str) -> String {
    Digest::of(head.as_bytes()).to_string()
}

fn scope<'a>(header: &'a Header, beside: &'a str) -> PlanScope<'a> {
    let Header { stack, stage, lineage, serial, .. } = header;
    PlanScope { stack, stage, lineage, serial: *serial, beside }
}

/// Teaches the redactor the secrets of a plan that another run made.
fn learn(session: &Session, plan: &Plan) {
    let learn = |value: &Option<cofferdam_model::Value>| {
        if let Some(value) = value {
            session.redactor.learn(value);
        }
    };
    for step in &plan.steps {
        [&step.inputs, &step.before, &step.after].into_iter().for_each(learn);
        step.changes.iter().for_each(|change| [&change.before, &change.after].into_iter().for_each(learn));
    }
    for change in plan.drift.iter().flat_map(|drift| &drift.changes) {
        [&change.before, &change.after].into_iter().for_each(learn);
    }
    for entry in plan.refreshed.iter().filter_map(|refreshed| refreshed.entry.as_deref()) {
        session.redactor.learn(&entry.inputs);
        session.redactor.learn(&entry.state.properties);
    }
    plan.outputs.iter().for_each(|output| [&output.before, &output.after].into_iter().for_each(learn));
}

impl Saved {
    /// When it was made, and by whom.
    pub fn origin(&self, session: &Session) -> String {
        let Made { at_ms, by } = &self.header.made;
        format!("made {} ago by {by}", duration(session.clock.epoch_ms().saturating_sub(*at_ms)))
    }

    /// The JSON line that tells of it.
    pub fn to_json(&self) -> serde_json::Value {
        let plan = self.plan.plan();
        json!({
            "type": "saved_plan", "path": self.path.to_string_lossy(), "header": self.header,
            "summary": plan.counts(), "has_changes": plan.has_changes(),
        })
    }
}

/// What names the stack's folder in a command that is to be pasted.
pub fn folder(global: &Global) -> String {
    if global.dir == Path::new(".") { String::new() } else { format!("-C {} ", word(&global.dir)) }
}

/// A path as a shell takes it.
pub fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_every_path() {
        let words = [("a/b-1.plan", "a/b-1.plan"), ("my plan", "'my plan'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")];
        for (path, wanted) in words {
            assert_eq!(word(Path::new(path)), wanted);
        }
    }
}
