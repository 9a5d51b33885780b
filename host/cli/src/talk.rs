//! Writing: data to stdout, talk to stderr. A closed stdout or stderr never stops a deploy.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};

static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Writes data.
pub fn data(text: &str) {
    if STDOUT_CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let mut stdout = anstream::stdout().lock();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        STDOUT_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Writes a line for people.
pub fn say(line: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{line}");
}

/// Asks on the terminal; true only for a plain yes.
pub fn confirm(question: &str) -> bool {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    drop(stderr);
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// How the terminal was before it stopped showing what is typed.
static SHOWING: Mutex<Option<Termios>> = Mutex::new(None);

/// Asks on the terminal for a line that is not shown while it is typed.
///
/// # Errors
/// When the terminal cannot be read.
pub fn ask_hidden(question: &str) -> std::io::Result<String> {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
    drop(stderr);
    let stdin = std::io::stdin();
    let before = termios::tcgetattr(&stdin)?;
    *SHOWING.lock() = Some(before.clone());
    let mut hidden = before;
    hidden.local_modes -= LocalModes::ECHO;
    termios::tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    show_typing();
    say("");
    read?;
    Ok(line.strip_suffix('\n').unwrap_or(&line).to_owned())
}

/// Makes the terminal show again what is typed, where a question stopped that.
pub fn show_typing() {
    if let Some(before) = SHOWING.lock().take() {
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
}
