//! The settings of the `stack` block.

use cofferdam_model::Data;
use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::declare::StackBlock;
use crate::eval::Scope;
use crate::findings::{Findings, quoted};

/// Where the state of a stack lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HomeSetting {
    /// In a directory.
    Local {
        /// The directory, relative to the stack's folder unless absolute; none for the usual one.
        path: Option<String>,
    },
}

const ONLY_LOCAL: &str = "write `home = \"local\"`, or `home = { local = { path = \"./state\" } }`";

/// Reads `home`; local where it is not set.
pub(crate) fn home(block: &StackBlock, scope: &Scope, findings: &mut Findings) -> HomeSetting {
    let local = HomeSetting::Local { path: None };
    let Some(home) = block.fields.get("home") else { return local };
    let mut constants = Constants { scope, file: &block.place.file, findings };
    let Some(value) = constants.any(&home.value) else { return local };
    let refuse = |constants: &mut Constants<'_>, name: &str| {
        let summary = format!("the home `{}` is not supported by this version, which serves local homes", quoted(name));
        constants.error(&home.value, &summary, Some(ONLY_LOCAL));
    };
    match value.data() {
        Data::String(name) if &**name == "local" => return local,
        Data::String(name) => refuse(&mut constants, name),
        Data::Object(kinds) => {
            if let Some(other) = kinds.keys().find(|kind| *kind != "local") {
                refuse(&mut constants, other);
                return local;
            }
            let settings = kinds.get("local");
            let fields = settings.and_then(|settings| settings.as_object());
            let path = fields.and_then(|fields| fields.get("path"));
            match (fields, path.and_then(|path| path.as_str())) {
                (Some(fields), Some(path)) if fields.len() == 1 && !path.is_empty() && !path.contains('\0') => {
                    return HomeSetting::Local { path: Some(path.to_owned()) };
                }
                (Some(fields), _) if fields.is_empty() => return local,
                _ => constants.error(&home.value, "a local home has a `path` and nothing else", Some(ONLY_LOCAL)),
            }
        }
        _ => constants.error(&home.value, "this is no home", Some(ONLY_LOCAL)),
    }
    local
}
