//! Stores by their names on the command line: `local:PATH`.

use std::path::Path;
use std::sync::Arc;

use cofferdam_home::store::{LocalStore, Store};

use crate::error::{CliError, CliResult};
use crate::exit::Exit;

/// A store that somebody named.
pub struct NamedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Its name, good from anywhere on this machine.
    pub name: String,
}

/// Opens the store of a name. Makes nothing.
pub fn open_store(text: &str) -> CliResult<NamedStore> {
    match text.split_once(':') {
        Some(("local", path)) if !path.is_empty() => {
            let path = std::path::absolute(Path::new(path))
                .map_err(|error| CliError::new(Exit::Usage, format!("`{path}` is no path of a home: {error}")))?;
            let name = format!("local:{}", path.display());
            Ok(NamedStore { store: Arc::new(LocalStore::new(path)), name })
        }
        _ => Err(CliError::new(Exit::Usage, format!("`{text}` names no home")).hint("write local:PATH")),
    }
}
