//! What a bug of cofferdam itself says. A panic's text is made of whatever the bug met, so it is redacted like
//! everything else.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Arc;

use cofferdam_model::redact::Redactor;

use crate::exit::Exit;
use crate::render::style::{ERROR, HINT, paint};
use crate::render::value::printable;
use crate::talk;

/// Makes every panic of the process be told without secrets. Called once, before anything is learned.
pub fn install(redactor: Arc<Redactor>) {
    set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        talk::say(&message(&redactor, info.payload(), &place));
        // Names of functions and files alone, where RUST_BACKTRACE asks for them.
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            talk::say(&backtrace.to_string());
        }
    }));
}

/// Runs a command; one that panics ends with the code of a bug.
pub fn caught(command: impl FnOnce() -> Exit) -> Exit {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or(Exit::Bug)
}

fn message(redactor: &Redactor, payload: &(dyn Any + Send), place: &str) -> String {
    let said = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => redactor.redact(text),
        (_, Some(text)) => redactor.redact(text),
        _ => "it did not say why".to_owned(),
    };
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    format!(
        "{} cofferdam has a bug: {}\n  at {place}, in thread `{thread}`\n{} report it with what you ran; RUST_BACKTRACE=1 shows more",
        paint(ERROR, "error:"),
        printable(&said),
        paint(HINT, "hint:"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_without_secrets() {
        let redactor = Redactor::default();
        redactor.learn_text("hunter22");
        let payload = catch_unwind(|| panic!("cannot parse {:?}", "hunter22")).expect_err("panics");
        let message = message(&redactor, &*payload, "src/x.rs:1:2");
        assert!(message.contains("cannot parse \"(secret)\"") && message.contains("src/x.rs:1:2"), "{message}");
        assert!(!message.contains("hunter22"));
    }

    #[test]
    fn a_panic_ends_with_the_code_of_a_bug() {
        assert_eq!(caught(|| panic!("a bug")), Exit::Bug);
        assert_eq!(caught(|| Exit::Done), Exit::Done);
    }
}
