//! A run that goes on: waiting for what it says, signals, and its end. Killed when it takes too long or is dropped.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::output::Output;

/// A run.
pub struct Running {
    line: String,
    pid: Pid,
    heard: Receiver<Heard>,
    output: Output,
    status: Option<ExitStatus>,
    deadline: Instant,
    timeout: Duration,
}

enum Heard {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Ended(ExitStatus),
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "a timeout is real time")]
    pub(crate) fn start(mut command: Command, line: String, timeout: Duration, hidden: PathBuf) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
        let pid = Pid::from_child(&child);
        let (say, heard) = mpsc::channel();
        let streams = [
            child.stdout.take().map(|stream| forward(stream, Heard::Stdout, say.clone())),
            child.stderr.take().map(|stream| forward(stream, Heard::Stderr, say.clone())),
        ];
        thread::spawn(move || {
            // Everything it said comes before its end.
            streams.into_iter().flatten().for_each(|stream| stream.join().expect("reading a pipe does not panic"));
            let status = child.wait().expect("a child can be waited for");
            let _ = say.send(Heard::Ended(status));
        });
        let output = Output::new(line.clone(), hidden);
        Self { line, pid, heard, output, status: None, deadline: Instant::now() + timeout, timeout }
    }

    /// Waits until stdout or stderr holds a text.
    pub fn until(&mut self, text: &str) {
        while !self.output.stdout.contains(text) && !self.output.stderr.contains(text) {
            let still = self.hear();
            assert!(still, "`{}` ended and never said {text:?}:\n{}", self.line, self.output.raw());
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until a signal has stopped it, as SIGSTOP does.
    pub fn until_stopped(&self) {
        let stopped = waitid(WaitId::Pid(self.pid), WaitIdOptions::STOPPED);
        assert!(matches!(stopped, Ok(Some(_))), "`{}` ended and never stopped: {stopped:?}", self.line);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("a process that was not waited for can be signalled");
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Ends it as a crash would: at once, wherever it is. One that has just ended by itself stays as it ended.
    pub fn kill(self) -> Output {
        let _ = kill_process(self.pid, Signal::KILL);
        self.wait()
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(mut self) -> Output {
        while self.hear() {}
        let status = self.status.expect("the loop ends with the status");
        let mut output = std::mem::take(&mut self.output);
        output.ended(status);
        output
    }

    /// Takes in what comes next; false after its end.
    #[expect(clippy::disallowed_methods, reason = "a timeout is real time")]
    fn hear(&mut self) -> bool {
        if self.status.is_some() {
            return false;
        }
        match self.heard.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(Heard::Stdout(bytes)) => self.output.stdout.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(Heard::Stderr(bytes)) => self.output.stderr.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(Heard::Ended(status)) => self.status = Some(status),
            Err(RecvTimeoutError::Timeout) => {
                self.signal(Signal::KILL);
                panic!("`{}` took longer than {:?}:\n{}", self.line, self.timeout, self.output.raw());
            }
            Err(RecvTimeoutError::Disconnected) => panic!("`{}` was lost", self.line),
        }
        self.status.is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Passes a stream on, line by line.
fn forward(
    stream: impl Read + Send + 'static,
    heard: fn(Vec<u8>) -> Heard,
    say: Sender<Heard>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            if say.send(heard(std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    })
}
