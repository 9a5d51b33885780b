//! The local home: a directory of the user. [`LocalHome::open`] only looks; the first write access makes what is
//! missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_model::{StackName, StageName};
use serde::{Deserialize, Serialize};

use crate::entropy::random_hex;
use crate::lock::{Attempt, StageLock};
use crate::vault::Vault;
use crate::{Access, Damage, Entropy, Keys, NewerFormat, OpenHomeError, OpenStageError, Stage, durable};

/// The format that is written.
const FORMAT: u64 = 1;

/// The text of `home.json`.
#[derive(Serialize, Deserialize)]
struct HomeFile {
    format: u64,
    /// Random; tells copies and other homes apart.
    id: String,
}

#[derive(Deserialize)]
struct Version {
    format: u64,
}

/// A home in a local directory.
pub struct LocalHome {
    root: PathBuf,
    vault: Arc<Vault>,
}

impl LocalHome {
    /// Opens the home in a directory, which need not be there yet. Makes nothing.
    ///
    /// # Errors
    /// When `home.json` is damaged, unreadable or of a newer format.
    pub fn open(root: PathBuf, keys: Keys, entropy: Arc<dyn Entropy>) -> Result<Self, OpenHomeError> {
        check(&root.join("home.json"))?;
        let vault = Arc::new(Vault::new(&root, keys, entropy));
        Ok(Self { root, vault })
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a stage of a stack. Write access takes its lock, without waiting, and holds it until the stage is
    /// dropped; read access takes none, makes nothing, and sees a state that was whole at one moment.
    ///
    /// # Errors
    /// When another run holds the lock, or the directory cannot be made.
    pub fn open_stage(&self, stack: &StackName, stage: &StageName, access: Access) -> Result<Stage, OpenStageError> {
        let directory = self.root.join(stack.as_str()).join(stage.as_str());
        let lock = match access {
            Access::Read => None,
            Access::Write(holder) => {
                self.make()?;
                durable::create_directory(&directory)?;
                match StageLock::take(&directory.join("lock"), &holder)? {
                    Attempt::Taken(lock) => Some(lock),
                    Attempt::Held(holder) => {
                        let (stack, stage) = (stack.clone(), stage.clone());
                        return Err(OpenStageError::Locked { stack, stage, holder: holder.map(Box::new) });
                    }
                }
            }
        };
        Ok(Stage::new(&directory, stack.clone(), stage.clone(), Arc::clone(&self.vault), lock))
    }

    /// Makes the home where it is not there yet.
    fn make(&self) -> Result<(), OpenHomeError> {
        let path = self.root.join("home.json");
        if check(&path)? {
            return Ok(());
        }
        durable::create_directory(&self.root)?;
        let home = HomeFile { format: FORMAT, id: random_hex::<16>(self.vault.entropy()) };
        let text = serde_json::to_vec(&home).expect("a number and a string are JSON");
        if !durable::create_new(&path, &text)? {
            // Another process made it first.
            check(&path)?;
        }
        Ok(())
    }
}

/// Whether `home.json` is there; an error where this program cannot work with it.
fn check(path: &Path) -> Result<bool, OpenHomeError> {
    let Some(bytes) = durable::read(path)? else { return Ok(false) };
    let damaged = |what: String| Damage { path: path.to_owned(), line: None, what };
    if bytes.is_empty() {
        return Err(damaged("it is empty".to_owned()).into());
    }
    let no_home = |error| damaged(format!("it does not describe a home ({error})"));
    let version: Version = serde_json::from_slice(&bytes).map_err(no_home)?;
    if version.format > FORMAT {
        return Err(NewerFormat { path: path.to_owned(), found: version.format, known: FORMAT }.into());
    }
    let _: HomeFile = serde_json::from_slice(&bytes).map_err(no_home)?;
    Ok(true)
}
