//! One run of the binary before it starts: arguments, environment, how long it may take.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::output::Output;
use crate::running::Running;

/// Far above what any run needs, so that only a run that hangs meets it.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A command that has not started. Its environment holds what was set here and nothing else.
pub struct Invocation {
    command: Command,
    timeout: Duration,
    hidden: PathBuf,
    line: String,
}

impl Invocation {
    pub(crate) fn new(program: PathBuf, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, timeout: TIMEOUT, hidden: PathBuf::new(), line: [&["cofferdam"], args].concat().join(" ") }
    }

    pub(crate) fn directory(mut self, directory: PathBuf) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// The folder whose path differs from run to run.
    pub(crate) fn hiding(mut self, folder: &Path) -> Self {
        self.hidden = folder.to_owned();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.line = [&self.line, &*argument.as_ref().to_string_lossy()].join(" ");
        self.command.arg(argument);
        self
    }

    /// Has another program start it: one that gets the folder, this program and its arguments behind its own. Called
    /// before its streams are set.
    #[must_use]
    pub fn through(mut self, program: &[&str]) -> Self {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]);
        command.args(self.command.get_current_dir().map(Path::as_os_str));
        command.arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// A shorter time than the usual, after which the run is killed and the test fails.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives it a file as stdin.
    #[must_use]
    pub fn stdin_from(mut self, file: File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Writes stdout there instead of keeping it.
    #[must_use]
    pub fn stdout_to(mut self, file: File) -> Self {
        self.command.stdout(file);
        self
    }

    /// Gives it a stdout that nobody reads: writing to it fails from the first byte on.
    #[must_use]
    pub fn closed_stdout(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        self.command.stdout(writer);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Running {
        Running::start(self.command, self.line, self.timeout, self.hidden)
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Output {
        self.start().wait()
    }
}
