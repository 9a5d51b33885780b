//! A home that does not answer: the run says so once, goes on when it answers, and can be stopped meanwhile.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_tests::{Output, Running};
use rustix::process::Signal;

use crate::case::Case;
use crate::homes::S3;
use crate::remote::Remote;

const RESOURCES: usize = 9;
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];
/// Far below the time for which the home is waited for.
const SOON: Duration = Duration::from_secs(20);

/// A stack whose home stops answering at a piece of the journal.
fn silent_from(homes: &S3, piece: usize) -> Case {
    Case::with(homes.silent_from(piece), Arc::new(Remote::start()), RESOURCES, Some("5s"))
}

/// Starts a run, and waits until it says that the home does not answer.
fn until_silent(case: &Case, args: &[&str]) -> Running {
    let mut run = case.cofferdam(args).within(SOON).start();
    run.until("does not answer");
    run
}

#[track_caller]
fn says_once(output: &Output, text: &str) {
    assert_eq!(output.stderr.matches(text).count(), 1, "{text:?} once: {}", output.raw());
}

/// The home answers again, and one more deploy makes everything as it should be.
fn settles(case: &Case) {
    case.home.deliver();
    let output = case.run(&["deploy", "--yes", "--lock-wait", "60s"]).exits(0);
    case.is_whole("afterwards", &output);
    case.is_settled("afterwards");
}

#[test]
fn what_only_looks_at_a_silent_home_ends_with_the_first_signal() {
    let homes = S3::new();
    // All of them wait until somebody is told: at the same time.
    std::thread::scope(|scope| {
        for signal in SIGNALS {
            for args in [&["plan"][..], &["deploy", "--yes"], &["state", "list"]] {
                let case = silent_from(&homes, 0);
                scope.spawn(move || {
                    let run = until_silent(&case, args);
                    run.signal(signal);
                    let output = run.wait().exits(130);
                    says_once(&output, "does not answer");
                    output.says("stopped; nothing was changed");
                });
            }
        }
        scope.spawn(|| {
            let case = silent_from(&homes, 0);
            let mut run = case.cofferdam(&["plan", "--format", "json"]).within(SOON).start();
            run.until("home-silent");
            run.interrupt();
            let output = run.wait().exits(130);
            let events = output.events_of("home-silent");
            assert_eq!((events.len(), &events[0]["up_to_ms"]), (1, &30_000.into()), "{}", output.raw());
            assert!(events[0]["home"].as_str().is_some_and(|home| home.starts_with("s3://")), "{}", output.raw());
        });
    });
}

#[test]
fn a_deploy_goes_on_when_its_home_answers_again() {
    let homes = S3::new();
    let case = silent_from(&homes, 3);
    let run = until_silent(&case, &["deploy", "--yes"]);
    case.home.deliver();
    let output = run.wait().exits(0);
    says_once(&output, "does not answer");
    says_once(&output, "answers again");
    case.is_whole("afterwards", &output);
    case.is_settled("afterwards");
}

/// The first signal: what runs ends, is written, and the lease is free at once, also where nobody can tell that a
/// process is dead.
#[test]
fn every_signal_stops_a_deploy_softly() {
    let homes = S3::new();
    std::thread::scope(|scope| {
        for signal in SIGNALS {
            let homes = &homes;
            scope.spawn(move || {
                let case = Case::new(homes, 60, None);
                let mut run = case.cofferdam(&["deploy", "--yes", "--parallelism", "2"]).start();
                run.until(": created in");
                run.signal(signal);
                let output = run.wait().exits(130);
                output.says("stopping:").says("not started");
                let done = case.remote.count().kept;
                assert!((1..60).contains(&done), "{done}: {}", output.raw());
                let known = case.run(&["state", "list"]).exits(0).stdout.matches("web_").count();
                let resumed = output.stderr.matches("the next run resumes it").count();
                assert_eq!((known + resumed) as u64, done, "{}", output.raw());
                let output = case.run(&["deploy", "--yes"]).exits(0);
                case.is_whole("afterwards", &output);
            });
        }
    });
}

/// The second one: the run ends although the home has not everything.
#[test]
fn the_second_signal_ends_a_deploy_whose_home_is_silent() {
    let homes = S3::new();
    std::thread::scope(|scope| {
        for signal in SIGNALS {
            let case = silent_from(&homes, 4);
            scope.spawn(move || {
                let mut run = until_silent(&case, &["deploy", "--yes"]);
                run.signal(signal);
                run.until("stopping:");
                run.signal(signal);
                let output = run.wait().exits(130);
                output.says("the next deploy finds out what became of it");
                settles(&case);
            });
        }
    });
}
