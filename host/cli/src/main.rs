//! The `cofferdam` command line: arguments, terminal, colours, environment and exit codes. Everything else is in the
//! libraries, which know none of these.

mod args;
mod assets;
mod bootstraps;
mod bundled;
mod commands;
mod contact;
mod environment;
mod error;
mod exit;
mod given;
mod keys;
mod memory;
mod panic;
mod plugin_bootstraps;
mod project;
mod render;
mod saved;
mod secrets;
mod session;
mod signals;
mod stores;
mod talk;

use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use cofferdam_model::redact::Redactor;
use cofferdam_stack::SourceTexts;

use crate::args::{
    Cli, Color, Command, Format, Global, HomeCommand, PluginCommand, SecretCommand, StackArgs, StateCommand,
};
use crate::commands::deploy::Purpose;
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::{Project, StackSecrets};
use crate::render::diagnostics::SourceText;
use crate::render::events::{Display, Reporter};
use crate::session::Session;

fn main() -> ExitCode {
    memory::keep_to_itself();
    let cli = Cli::read();
    let redactor = Arc::new(Redactor::default());
    panic::install(redactor.clone());
    let exit = panic::caught(|| match cli.command {
        Command::Compile => compile(),
        Command::Completions { shell } => completions(shell),
        Command::Version => commands::version::run(&cli.global),
        command => {
            choose_colors(&cli.global);
            run(&cli.global, command, redactor)
        }
    });
    ExitCode::from(exit as u8)
}

fn compile() -> Exit {
    match cofferdam_runtime::compile_from_stdin() {
        Ok(()) => Exit::Done,
        Err(error) => {
            talk::say(&match error {
                cofferdam_runtime::CompileError::Refused(why) => why,
                other => other.to_string(),
            });
            Exit::Failed
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cofferdam", &mut script);
    talk::data(&String::from_utf8_lossy(&script));
    Exit::Done
}

fn choose_colors(global: &Global) {
    let choice = match (global.format, global.color) {
        (Format::Json, _) | (_, Color::Never) => anstream::ColorChoice::Never,
        (_, Color::Always) => anstream::ColorChoice::Always,
        (_, Color::Auto) => anstream::ColorChoice::Auto,
    };
    choice.write_global();
}

fn run(global: &Global, command: Command, redactor: Arc<Redactor>) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            talk::say(&format!("error: cannot start threads: {error}"));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(dispatch(global, command, redactor));
    // What was cut off must not hold the process up.
    runtime.shutdown_background();
    exit
}

async fn dispatch(global: &Global, command: Command, redactor: Arc<Redactor>) -> Exit {
    let surroundings = Environment::detect();
    let display = match global.format {
        Format::Json => Display::Json,
        Format::Human if surroundings.is_live() => Display::Live,
        Format::Human => Display::Plain,
    };
    let reporter = Arc::new(Reporter::new(display, global.verbose, redactor.clone()));
    let only_plans = matches!(command, Command::Plan(_));
    let session = Session::new(reporter, redactor, only_plans);
    if !is_one_value(&command) {
        session.reporter.begin();
    }
    signals::listen(session.cancel.clone(), session.contact.clone(), session.reporter.clone());
    let exit = carry_out(&session, global, &surroundings, command).await;
    session.drain().await;
    exit
}

async fn carry_out(session: &Session, global: &Global, surroundings: &Environment, command: Command) -> Exit {
    if let Command::Plugin(PluginCommand::Inspect { plugin, ty }) = &command {
        return finish(
            session,
            commands::plugin::inspect(session, global, plugin, ty.as_ref()).await,
            &SourceTexts::default(),
        );
    }
    if let Command::Show(args) = &command {
        return finish(session, commands::show::run(session, global, args), &SourceTexts::default());
    }
    if let Command::Deploy(deploy) = &command
        && let Some(file) = &deploy.plan
    {
        let prepared = match commands::deploy_saved::prepare(session, global, deploy, file) {
            Ok(prepared) => prepared,
            Err(unloadable) => return finish(session, Err(unloadable.error), &unloadable.texts),
        };
        let (project, saved) = prepared;
        let result = commands::deploy_saved::run(session, global, &project, &deploy.args, saved).await;
        return finish(session, result, project.stack.sources());
    }
    if let Command::Home(HomeCommand::Migrate(args)) = &command {
        let result = commands::home::run(session, global, surroundings, args).await;
        return finish(session, result, &SourceTexts::default());
    }
    let Some(stack) = stack_args(&command) else { return Exit::Bug };
    let looking = session.contact.looking();
    let project = match Project::open(session, global, stack, secrets_of(&command)) {
        Ok(project) => project,
        Err(unloadable) => return finish(session, Err(unloadable.error), &unloadable.texts),
    };
    let _looking = only_looks(&command).then_some(looking);
    let result = with_project(session, global, surroundings, &project, &command).await;
    finish(session, result, project.stack.sources())
}

/// Whether all of stdout is one value or document, in JSON too.
fn is_one_value(command: &Command) -> bool {
    match command {
        Command::Output(args) => args.name.is_some(),
        Command::Secret(args) => matches!(args.command, SecretCommand::Get { .. }),
        Command::State(command) => matches!(command, StateCommand::Pull(_)),
        _ => false,
    }
}

/// Whether a command changes nothing in the home.
fn only_looks(command: &Command) -> bool {
    match command {
        Command::Validate(_) | Command::Output(_) => true,
        // To keep a plan may take a key that the home does not have yet.
        Command::Plan(args) => args.out.is_none(),
        Command::Secret(args) => matches!(args.command, SecretCommand::Get { .. } | SecretCommand::List(_)),
        Command::State(command) => commands::state::only_looks(command),
        _ => false,
    }
}

/// Whether a command evaluates the stack for real.
fn secrets_of(command: &Command) -> StackSecrets {
    match command {
        Command::Plan(_)
        | Command::Deploy(_)
        | Command::Destroy(_)
        | Command::Refresh(_)
        | Command::State(StateCommand::Import(_) | StateCommand::Settle(_)) => StackSecrets::Read,
        // These call plugins, where plugins have prepared something.
        Command::Bootstrap(args) if args.command.calls_plugins() => StackSecrets::Read,
        _ => StackSecrets::Withheld,
    }
}

fn stack_args(command: &Command) -> Option<&StackArgs> {
    match command {
        Command::Validate(stack) => Some(stack),
        Command::State(command) => Some(commands::state::stack_args(command)),
        Command::Plan(args) => Some(&args.stack),
        Command::Deploy(deploy) => Some(&deploy.args.stack),
        Command::Destroy(args) => Some(&args.stack),
        Command::Refresh(args) => Some(&args.stack),
        Command::Unlock(args) => Some(&args.stack),
        Command::Output(args) => Some(&args.stack),
        Command::Secret(args) => Some(args.command.stack()),
        Command::Key(args) => Some(args.command.stack()),
        Command::Bootstrap(args) => Some(&args.command.targets().stack),
        Command::Show(_)
        | Command::Home(_)
        | Command::Plugin(_)
        | Command::Completions { .. }
        | Command::Version
        | Command::Compile => None,
    }
}

async fn with_project(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    command: &Command,
) -> CliResult<Exit> {
    match command {
        Command::Validate(args) => commands::validate::run(session, global, project, args).await,
        Command::Plan(args) => commands::plan::run(session, global, project, args).await,
        Command::Deploy(deploy) => {
            commands::deploy::run(session, global, surroundings, project, &deploy.args, Purpose::Deploy).await
        }
        Command::Destroy(args) => {
            commands::deploy::run(session, global, surroundings, project, args, Purpose::Destroy).await
        }
        Command::Refresh(args) => commands::refresh::run(session, global, project, args).await,
        Command::Unlock(args) => commands::unlock::run(session, global, surroundings, project, args).await,
        Command::Output(args) => commands::output::run(session, global, project, args),
        Command::Secret(args) => commands::secret::run(session, global, surroundings, project, &args.command).await,
        Command::Bootstrap(args) => {
            commands::bootstrap::run(session, global, surroundings, project, &args.command).await
        }
        Command::Key(args) => commands::key::run(session, global, surroundings, project, &args.command).await,
        Command::State(command) => commands::state::run(session, global, surroundings, project, command).await,
        Command::Show(_)
        | Command::Home(_)
        | Command::Plugin(_)
        | Command::Completions { .. }
        | Command::Version
        | Command::Compile => Err(CliError::new(Exit::Bug, "a command without a stack came to be run with one")),
    }
}

/// Shows how a command ended, and gives its exit code.
fn finish(session: &Session, result: CliResult<Exit>, sources: &dyn SourceText) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) => {
            let error = error.redacted(&session.redactor);
            session.reporter.json(&error.to_json());
            session.reporter.say(error.render(sources).trim_end());
            error.exit
        }
    }
}
