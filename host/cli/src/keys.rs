//! The keys of the user, and who else shall open the secrets of a home: from the environment and the stack.

use std::sync::Arc;

use cofferdam_home::{Encryption, Keys, Passphrase, Recipient, RecipientError, Recovery};
use cofferdam_model::Diagnostic;
use cofferdam_stack::EncryptionSetting;

use crate::environment::{self, Environment};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::session::Session;

/// No recovery key.
const NONE: &str = "none";

/// The keys for a home.
pub fn keys(session: &Session, setting: &EncryptionSetting) -> CliResult<Keys> {
    let Some(identity) = environment::identity_file() else {
        return Err(CliError::new(
            Exit::Failed,
            "there is no folder for your identity: neither HOME nor XDG_CONFIG_HOME is set",
        )
        .hint("set COFFERDAM_CONFIG_DIR to a folder of your own, or COFFERDAM_PASSPHRASE"));
    };
    Ok(Keys {
        identity,
        passphrase: environment::passphrase().map(Passphrase::new),
        identities: environment::identity_files(),
        ssh: environment::ssh_keys(),
        identity_passphrase: environment::identity_passphrase().map(Passphrase::new),
        encryption: encryption(session, setting)?,
    })
}

fn encryption(session: &Session, setting: &EncryptionSetting) -> CliResult<Encryption> {
    let refuse = |error: RecipientError| {
        let finding = Diagnostic::error(error.to_string()).with_hint(error.hint()).with_span(setting.span.clone());
        CliError::findings(vec![finding])
    };
    let recipients = setting.recipients.iter().map(|text| text.parse().map_err(refuse)).collect::<CliResult<_>>()?;
    let recovery = match (environment::recovery(), &setting.recovery) {
        (Some(text), _) if text == NONE => Recovery::None,
        (Some(text), _) => Recovery::For(recipient(&text)?),
        (None, Some(text)) if text == NONE => Recovery::None,
        (None, Some(text)) => Recovery::For(text.parse().map_err(refuse)?),
        // What a CI job says is kept and read by many: it is no place for a key that opens everything.
        (None, None) if Environment::detect().is_ci => Recovery::None,
        (None, None) => {
            let reporter = session.reporter.clone();
            Recovery::Made(Arc::new(move |key| {
                reporter.announce(&format!(
                    "recovery key: {}\n  It opens every secret of this home if your identity is lost. Keep it offline: \
                     it is shown this once and kept nowhere.",
                    key.secret().as_str()
                ));
            }))
        }
    };
    Ok(Encryption { recipients, recovery, passphrase: setting.passphrase, wrappers: Vec::new() })
}

/// A recipient that was given to a command.
pub fn recipient(text: &str) -> CliResult<Recipient> {
    text.parse().map_err(|error: RecipientError| CliError::new(Exit::Usage, error.to_string()).hint(error.hint()))
}
