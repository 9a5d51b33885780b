//! The keys of the user, and who else shall open the secrets of a home: from the environment and the stack.

use std::sync::Arc;

use cofferdam_home::{
    AwsAccess, Encryption, Form, Keys, KmsSettings, KmsSettingsError, KmsWrapper, Passphrase, Recipient,
    RecipientError, Recovery, Wrapper,
};
use cofferdam_model::Diagnostic;
use cofferdam_stack::{EncryptionSetting, KmsKey};

use crate::environment::{self, Environment};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::session::Session;
use crate::stores::aws_role;

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
    let finding = |text: String, hint: &str| {
        CliError::findings(vec![Diagnostic::error(text).with_hint(hint).with_span(setting.span.clone())])
    };
    let refuse = |error: RecipientError| finding(error.to_string(), error.hint());
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
    let refuse = |error: KmsSettingsError| finding(error.to_string(), error.hint());
    let wrappers = setting.kms.iter().map(|key| wrapper(key).map_err(refuse)).collect::<CliResult<_>>()?;
    let form = if setting.state { Form::Whole } else { Form::Values };
    Ok(Encryption { recipients, recovery, passphrase: setting.passphrase, form, wrappers })
}

fn wrapper(key: &KmsKey) -> Result<Arc<dyn Wrapper>, KmsSettingsError> {
    let KmsKey { key, region, profile, endpoint, role } = key.clone();
    let access = AwsAccess { region, profile, keys: None, role: role.map(aws_role), endpoint };
    Ok(Arc::new(KmsWrapper::new(KmsSettings { key, access })?))
}

/// The services that wrap the keys of a home, where no stack says how they are reached: as the environment says.
pub fn services(ids: &[String]) -> Vec<Arc<dyn Wrapper>> {
    let known = ids.iter().filter_map(|id| KmsWrapper::new(KmsSettings::of_id(id)?).ok());
    known.map(|wrapper| Arc::new(wrapper) as Arc<dyn Wrapper>).collect()
}

/// A recipient that was given to a command.
pub fn recipient(text: &str) -> CliResult<Recipient> {
    text.parse().map_err(|error: RecipientError| CliError::new(Exit::Usage, error.to_string()).hint(error.hint()))
}
