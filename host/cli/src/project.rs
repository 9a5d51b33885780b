//! The user's project: the stack's folder, its files and its variables.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cofferdam_model::program::Program as _;
use cofferdam_model::{Diagnostic, StageName};
use cofferdam_stack::{LoadOptions, ReadFile, ReadFileError, ReadSecret, SourceTexts, Sources, Stack, WithheldSecrets};

use crate::args::{Global, StackArgs};
use crate::bundled;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::given::Given;
use crate::secrets::StageSecrets;
use crate::session::Session;
use crate::stores;

const MAX_FILE: u64 = cofferdam_stack::MAX_FILE_BYTES as u64;

/// A loaded stack.
pub struct Project {
    /// The stack's folder.
    pub folder: PathBuf,
    /// The stack.
    pub stack: Arc<Stack>,
    /// Warnings of the front end.
    pub warnings: Vec<Diagnostic>,
    /// What was given for its variables.
    pub given: Given,
    /// The secrets of the stage, where the command reads them.
    pub secrets: Option<Arc<StageSecrets>>,
}

/// Whether expressions that use secrets of the stage get them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackSecrets {
    /// Yes.
    Read,
    /// No: such values are not known. For commands that do nothing with them.
    Withheld,
}

/// Why there is no project, with the texts that its findings point into.
pub struct Unloadable {
    /// What went wrong.
    pub error: CliError,
    /// The texts.
    pub texts: SourceTexts,
}

impl From<CliError> for Box<Unloadable> {
    fn from(error: CliError) -> Self {
        Self::new(Unloadable { error, texts: SourceTexts::default() })
    }
}

impl Project {
    /// Reads and checks the stack of the command line.
    pub fn open(
        session: &Session,
        global: &Global,
        args: &StackArgs,
        secrets: StackSecrets,
    ) -> Result<Self, Box<Unloadable>> {
        let sources = read_sources(&global.dir)?;
        let given = Given::collect(args)?;
        match secrets {
            StackSecrets::Read => Self::with_secrets(session, &global.dir, &sources, args, &args.stage, &given),
            StackSecrets::Withheld => {
                Self::load_with(&global.dir, sources, args, &args.stage, given, Arc::new(WithheldSecrets))
            }
        }
    }

    /// Checks a stack that has the secrets of its stage. Where its home is has to be known before a secret can be
    /// read: a stack that uses secrets is loaded without them first.
    pub fn with_secrets(
        session: &Session,
        folder: &Path,
        sources: &Sources,
        args: &StackArgs,
        stage: &StageName,
        given: &Given,
    ) -> Result<Self, Box<Unloadable>> {
        let load = |read_secret| Self::load_with(folder, sources.clone(), args, stage, given.clone(), read_secret);
        let mut project = load(Arc::new(WithheldSecrets))?;
        let name = project.stack.stack().clone();
        let secrets = StageSecrets::new(session.home(&project)?, name, stage.clone(), session.redactor.clone());
        let secrets = Arc::new(secrets);
        if project.stack.uses_secrets() {
            project = load(secrets.clone())?;
        }
        project.secrets = Some(secrets);
        Ok(project)
    }

    /// Checks a stack whose files have been read, with what is given for its variables.
    fn load_with(
        folder: &Path,
        sources: Sources,
        args: &StackArgs,
        stage: &StageName,
        given: Given,
        read_secret: Arc<dyn ReadSecret>,
    ) -> Result<Self, Box<Unloadable>> {
        let folder = folder.to_owned();
        let options = LoadOptions {
            bundled: bundled::prefixes(),
            stage: stage.clone(),
            variables: given.variables(),
            variable_files: given.variable_files(),
            read_file: Arc::new(ProjectFiles { folder: folder.clone() }),
            read_secret,
        };
        match Stack::load(sources, options) {
            Ok((stack, warnings)) => {
                let stack = match &args.home {
                    Some(home) => {
                        let place = stores::place_over(&stack.home().place, home)?;
                        stack.with_home(place)
                    }
                    None => stack,
                };
                Ok(Self { folder, stack: Arc::new(stack), warnings, given, secrets: None })
            }
            Err(found) => {
                Err(Box::new(Unloadable { error: CliError::findings(found.diagnostics), texts: found.texts }))
            }
        }
    }
}

/// The `*.hcl` files of a folder.
pub fn read_sources(folder: &Path) -> CliResult<Sources> {
    let fail = |error: std::io::Error| {
        CliError::new(Exit::Invalid, format!("cannot read the stack's folder `{}`: {error}", folder.display()))
            .hint("name the folder of the stack with --dir")
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(fail)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "hcl") && path.is_file())
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(CliError::new(
            Exit::Invalid,
            format!("there is no stack in `{}`: no `.hcl` file", folder.display()),
        )
        .hint("run cofferdam in the folder of a stack, name it with --dir, or begin one:\nstack \"shop\" {}"));
    }
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push((Arc::from(name), read_text(&path)?));
    }
    Ok(Sources { files })
}

/// A text, never more than a file of a stack may have.
pub fn read_text(path: &Path) -> CliResult<String> {
    let fail = |why: String| CliError::new(Exit::Invalid, format!("cannot read `{}`: {why}", path.display()));
    let file = fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    if text.len() as u64 > MAX_FILE {
        return Err(fail(format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(text)
}

/// What `file(…)` may read: files of the stack's folder; no link leads out of it.
struct ProjectFiles {
    folder: PathBuf,
}

impl ReadFile for ProjectFiles {
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadFileError> {
        let other = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => ReadFileError::NotFound,
            _ => ReadFileError::Other(error.to_string()),
        };
        let folder = Dir::open_ambient_dir(&self.folder, ambient_authority()).map_err(other)?;
        if !folder.metadata(path).map_err(other)?.is_file() {
            return Err(ReadFileError::Other("it is no file".into()));
        }
        let mut content = Vec::new();
        folder.open(path).map_err(other)?.take(limit as u64 + 1).read_to_end(&mut content).map_err(other)?;
        if content.len() > limit {
            return Err(ReadFileError::TooLarge);
        }
        Ok(content)
    }
}
