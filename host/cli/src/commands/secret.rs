//! `secret …`: the secrets of a stage, which people set and stacks use.

use std::fs::File;
use std::io::Read;

use cofferdam_engine::Stop;
use cofferdam_home::{MAX_SECRET_BYTES, Overwrite, SecretInfo};
use cofferdam_model::program::Program as _;
use cofferdam_model::{SecretName, StageName};
use serde_json::json;

use crate::args::{Alphabet, Format, Global, RotateArgs, SecretCommand, SetArgs, StackArgs};
use crate::environment::{self, Environment};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::time::utc;
use crate::session::{Session, stopped};
use crate::talk;

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    command: &SecretCommand,
) -> CliResult<Exit> {
    match command {
        SecretCommand::Set(args) => set(session, surroundings, project, args).await,
        SecretCommand::Get { stack, name } => get(session, global, project, stack, name),
        SecretCommand::List(stack) => list(session, global, project, stack),
        SecretCommand::Rm { stack, name, force } => remove(session, project, stack, name, overwrite(*force)),
        SecretCommand::Rotate(args) => rotate(session, project, args),
    }
}

async fn set(session: &Session, surroundings: &Environment, project: &Project, args: &SetArgs) -> CliResult<Exit> {
    let SetArgs { stack, name, .. } = args;
    let value = match (&args.value, &args.from_file) {
        (Some(value), _) => value.clone(),
        (None, Some(path)) => {
            let file = File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
            read(&path.display().to_string(), file)?
        }
        (None, None) if surroundings.stdin_is_terminal => ask(session, name).await?,
        (None, None) => {
            let text = read("stdin", std::io::stdin())?;
            let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
            text.to_owned()
        }
    };
    if value.is_empty() {
        let message = format!("the value of the secret `{name}` is empty");
        return Err(CliError::new(Exit::Usage, message).hint(format!("to remove it: cofferdam secret rm {name}")));
    }
    store(session, project, stack, name, &value, ("set", overwrite(args.force)))
}

fn rotate(session: &Session, project: &Project, args: &RotateArgs) -> CliResult<Exit> {
    let value = random(args.alphabet, usize::from(args.length));
    store(session, project, &args.stack, &args.name, &value, ("rotate", overwrite(args.force)))
}

/// Sets a secret in the name of a command.
fn store(
    session: &Session,
    project: &Project,
    args: &StackArgs,
    name: &SecretName,
    value: &str,
    (command, overwrite): (&str, Overwrite),
) -> CliResult<Exit> {
    session.redactor.learn_text(value);
    let by = session.holder(&format!("secret {command}"));
    session.home(project)?.secrets(project.stack.stack(), &args.stage).set(name, value, &by, overwrite)?;
    session.reporter.json(&json!({ "type": "secret_set", "name": name, "stage": args.stage }));
    session.reporter.say(&match command {
        "rotate" => format!("Secret `{name}` of stage `{}` has a new random value.", args.stage),
        _ => format!("Secret `{name}` of stage `{}` is set.", args.stage),
    });
    Ok(Exit::Done)
}

fn get(session: &Session, global: &Global, project: &Project, args: &StackArgs, name: &SecretName) -> CliResult<Exit> {
    let value = session.home(project)?.secrets(project.stack.stack(), &args.stage).read()?.get(name)?;
    let value = value.ok_or_else(|| missing(name, &args.stage))?;
    // Asked for by name: the bare value.
    talk::data(&match global.format {
        Format::Json => format!("{}\n", json!(value.as_str())),
        Format::Human => format!("{}\n", value.as_str()),
    });
    Ok(Exit::Done)
}

fn list(session: &Session, global: &Global, project: &Project, args: &StackArgs) -> CliResult<Exit> {
    let set = session.home(project)?.secrets(project.stack.stack(), &args.stage).read()?;
    let secrets: Vec<SecretInfo> = set.iter().collect();
    match global.format {
        Format::Json => {
            for SecretInfo { name, made, bytes_at_most } in &secrets {
                session.reporter.json(&json!({
                    "type": "secret", "name": name, "set_at_ms": made.at_ms, "by": made.by,
                    "bytes_at_most": bytes_at_most,
                }));
            }
        }
        Format::Human if secrets.is_empty() => talk::say(&format!("stage `{}` has no secrets", args.stage)),
        Format::Human => {
            let mut table = Table::new(&["SECRET", "BYTES", "SET", "BY"]);
            for SecretInfo { name, made, bytes_at_most } in &secrets {
                let by = format!("{} on {}", made.by.user, made.by.host);
                table.row(vec![name.to_string(), format!("up to {bytes_at_most}"), utc(made.at_ms), by]);
            }
            talk::data(&table.render());
        }
    }
    Ok(Exit::Done)
}

fn remove(
    session: &Session,
    project: &Project,
    args: &StackArgs,
    name: &SecretName,
    overwrite: Overwrite,
) -> CliResult<Exit> {
    if !session.home(project)?.secrets(project.stack.stack(), &args.stage).remove(name, overwrite)? {
        return Err(missing(name, &args.stage));
    }
    session.reporter.json(&json!({ "type": "secret_removed", "name": name, "stage": args.stage }));
    session.reporter.say(&format!("Secret `{name}` of stage `{}` is removed.", args.stage));
    Ok(Exit::Done)
}

fn overwrite(force: bool) -> Overwrite {
    if force { Overwrite::Yes } else { Overwrite::No }
}

fn missing(name: &SecretName, stage: &StageName) -> CliError {
    CliError::new(Exit::Failed, format!("there is no secret `{name}` in stage `{stage}`"))
        .hint(format!("`cofferdam secret list --stage {stage}` shows what there is"))
}

fn unreadable(name: &str, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("cannot read the value from `{name}`: {error}"))
}

/// A text, never much more of it than a secret may have.
fn read(name: &str, from: impl Read) -> CliResult<String> {
    let mut bytes = Vec::new();
    from.take(MAX_SECRET_BYTES as u64 + 3).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    String::from_utf8(bytes).map_err(|_| {
        CliError::new(Exit::Failed, format!("the value in `{name}` is no UTF-8 text"))
            .hint("set it in base64, and use `base64decode` in the stack")
    })
}

/// Asks on the terminal, twice, without showing what is typed.
async fn ask(session: &Session, name: &SecretName) -> CliResult<String> {
    let questions = [format!("Value of `{name}`: "), "Once more: ".to_owned()];
    let ask = move || questions.map(|question| talk::ask_hidden(&question));
    let answers = tokio::select! {
        () = session.cancel.reached(Stop::Soft) => {
            talk::show_typing();
            return Err(stopped());
        }
        answers = tokio::task::spawn_blocking(ask) => answers,
    };
    match answers {
        Ok([Ok(value), Ok(again)]) if value == again => Ok(value),
        Ok([Ok(_), Ok(_)]) => Err(CliError::new(Exit::Usage, "the two values differ; nothing was changed")),
        Ok([Err(error), _] | [_, Err(error)]) => Err(unreadable("the terminal", &error)),
        Err(error) => Err(CliError::new(Exit::Bug, error.to_string())),
    }
}

/// So many characters, each as likely as any other.
fn random(alphabet: Alphabet, length: usize) -> String {
    let characters = alphabet.characters();
    // Bytes from here on would favour the first characters.
    let limit = 256 - 256 % characters.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let bytes = environment::random_bytes::<64>();
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < limit);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(characters[byte % characters.len()])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_values_use_every_character() {
        for alphabet in [Alphabet::Alphanumeric, Alphabet::Hex, Alphabet::Symbols] {
            let text = random(alphabet, 4096);
            assert_eq!(text.len(), 4096);
            assert!(text.bytes().all(|c| alphabet.characters().contains(&c)));
            assert!(alphabet.characters().iter().all(|c| text.contains(char::from(*c))), "{text}");
        }
        assert_ne!(random(Alphabet::Hex, 32), random(Alphabet::Hex, 32));
    }
}
