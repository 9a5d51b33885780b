//! Compilation in a child process: a component is hostile input to the compiler too, so time and memory are bounded
//! from outside.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cofferdam_model::limits::{MAX_COMPILE_SECONDS, MAX_COMPONENT_BYTES};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;

use crate::engine::config;

const CHILD_MEMORY: u64 = 8 * 1024 * 1024 * 1024;
const MAX_CODE_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_MESSAGE_BYTES: u64 = 64 * 1024;

/// The command that compiles: reads a component from stdin, writes machine code to stdout, explains on stderr.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program: this very binary.
    pub program: PathBuf,
    /// The arguments that make it call [`compile_from_stdin`].
    pub arguments: Vec<OsString>,
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child could not be run.
    #[error("the compiler `{program}` could not be run")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("compiling took longer than {MAX_COMPILE_SECONDS} s")]
    Timeout,
    /// The compiler refused the component, or a limit ended it.
    #[error("the compiler refused it: {0}")]
    Refused(String),
}

impl Compiler {
    /// Compiles a component.
    pub(crate) async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let spawn_error = |source| CompileError::Spawn { program: self.program.clone(), source };
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn_error)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(spawn_error(io::Error::other("the child has no pipes")));
        };
        let work = async {
            let (mut code, mut message) = (Vec::new(), Vec::new());
            let (mut stdout, mut stderr) = (stdout.take(MAX_CODE_BYTES), stderr.take(MAX_MESSAGE_BYTES));
            let feed = async {
                let fed = stdin.write_all(component).await;
                drop(stdin);
                fed
            };
            let (fed, code_read, message_read) =
                tokio::join!(feed, stdout.read_to_end(&mut code), stderr.read_to_end(&mut message));
            let status = child.wait().await?;
            code_read?;
            message_read?;
            if status.success() {
                fed?;
                return Ok(Ok(code));
            }
            let said = String::from_utf8_lossy(&message).trim().to_owned();
            Ok::<_, io::Error>(Err(CompileError::Refused(if said.is_empty() { status.to_string() } else { said })))
        };
        match tokio::time::timeout(Duration::from_secs(MAX_COMPILE_SECONDS), work).await {
            Ok(result) => result.map_err(spawn_error)?,
            Err(_elapsed) => Err(CompileError::Timeout),
        }
    }
}

/// What the child does: bounds itself, compiles stdin to stdout.
///
/// # Errors
/// When the input is too large, does not compile, or cannot be passed on.
pub fn compile_from_stdin() -> Result<(), CompileError> {
    let refuse = |error: &dyn std::fmt::Display| CompileError::Refused(error.to_string());
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, limit(CHILD_MEMORY)).map_err(|error| refuse(&error))?;
    // CPU seconds count every core; the wall-clock limit is the parent's.
    setrlimit(Resource::Cpu, limit(MAX_COMPILE_SECONDS * 4)).map_err(|error| refuse(&error))?;
    let mut component = Vec::new();
    io::stdin().lock().take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut component).map_err(|error| refuse(&error))?;
    if component.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(CompileError::Refused("the component is too large".into()));
    }
    let code = Engine::new(&config())
        .and_then(|engine| engine.precompile_component(&component))
        .map_err(|error| CompileError::Refused(format!("{error:#}")))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(|error| refuse(&error))
}
