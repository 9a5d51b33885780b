//! Questions before something is changed: asked on a terminal, answered beforehand by `--yes`, refused elsewhere.

use cofferdam_engine::Stop;

use crate::args::{Format, Global};
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::render::style::{BOLD, paint};
use crate::session::{Session, stopped};
use crate::talk;

/// Whether and whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `--yes`: nobody.
    Agreed,
    /// The terminal.
    Terminal,
}

impl Ask {
    /// Settles how a command asks.
    ///
    /// # Errors
    /// When it has to, and there is nobody to ask.
    pub fn new(command: &str, yes: bool, global: &Global, surroundings: &Environment) -> CliResult<Self> {
        if yes {
            return Ok(Self::Agreed);
        }
        if surroundings.stdin_is_terminal && global.format != Format::Json {
            return Ok(Self::Terminal);
        }
        let message =
            format!("`cofferdam {command}` asks before it changes anything, and there is no terminal to ask on");
        Err(CliError::new(Exit::Usage, message).hint("add --yes"))
    }

    /// Asks; says so where the answer is no.
    ///
    /// # Errors
    /// When the run is stopped meanwhile.
    pub async fn agreed(self, session: &Session, question: &str) -> CliResult<bool> {
        if self == Self::Agreed {
            return Ok(true);
        }
        let question = paint(BOLD, question);
        let agreed = tokio::select! {
            () = session.cancel.reached(Stop::Soft) => return Err(stopped()),
            answer = tokio::task::spawn_blocking(move || talk::confirm(&question)) => answer.unwrap_or(false),
        };
        if !agreed {
            talk::say("Nothing was changed.");
        }
        Ok(agreed)
    }
}
