//! Many runs of one stack at one moment, and runs that are stopped past their lease.

use std::time::Duration;

use cofferdam_tests::{Output, Running};
use rustix::process::Signal;

use crate::boundary::Kind;
use crate::case::Case;
use crate::homes::{Homes, Local, S3};

const RUNS: usize = 20;
const RESOURCES: usize = 12;
/// A short lease, so that nobody waits long for it to end.
const SHORT: Option<&str> = Some("5s");
/// What nobody may write without the lease.
const GUARDED: [Kind; 5] = [Kind::Piece, Kind::Snapshot, Kind::Base, Kind::Spare, Kind::Removal];

/// Every run wants something else, so that each has something to write.
fn one_writes_at_a_time(homes: &dyn Homes) {
    let case = Case::new(homes, RESOURCES, None);
    let cases: Vec<Case> = (0..RUNS).map(|_| case.beside(None)).collect();
    let start = |(i, case): (usize, &Case)| {
        // Half of them wait for their turn.
        let wait = if i % 2 == 0 { "5m" } else { "1ms" };
        let run = case.cofferdam(&["deploy", "--yes", "--lock-wait", wait]);
        run.env("COFFERDAM_VAR_size", i.to_string()).within(Duration::from_secs(300)).start()
    };
    let runs: Vec<Running> = cases.iter().enumerate().map(start).collect();
    let names: Vec<u32> = cases.iter().zip(&runs).map(|(case, run)| case.home.run_of(run)).collect();
    let mut done = Vec::new();
    for (i, run) in runs.into_iter().enumerate() {
        let output = run.wait();
        if output.exit == 0 {
            done.push(names[i]);
        } else {
            assert!(output.exit == 6 && i % 2 == 1, "run {i}: {}", output.raw());
            output.says("is locked by `deploy`");
        }
    }
    assert!(done.len() >= RUNS / 2, "{} runs came to their turn", done.len());
    let writes = case.home.writes().into_iter().filter(|write| GUARDED.contains(&write.kind));
    let mut turns: Vec<u32> = writes.map(|write| write.by).collect();
    turns.dedup();
    let last = turns.last().copied();
    turns.sort_unstable();
    done.sort_unstable();
    assert_eq!(turns, done, "the turns of the runs that wrote, and the runs that came to their turn");
    let last = names.iter().position(|name| Some(*name) == last).expect("it is one of them");
    let output = case.cofferdam(&["plan", "--exit-code", "--refresh", "all"]);
    let output = output.env("COFFERDAM_VAR_size", last.to_string()).run().exits(0);
    case.is_whole("afterwards", &output);
}

/// Stops a run, lets another one do its work, and lets the first one go on: it writes nothing any more that counts.
fn goes_on_without_its_lease(homes: &dyn Homes, stop: &(dyn Fn(&Case) -> Running + Sync)) {
    let case = Case::new(homes, 60, SHORT);
    let stopped = case.beside(SHORT);
    let run = stop(&stopped);
    let followed = case.run(&["deploy", "--yes", "--lock-wait", "30s"]).exits(0);
    case.is_whole("after the second run", &followed);
    let journal = case.home.journal();
    assert!(!journal.is_empty());
    stopped.home.deliver();
    run.signal(Signal::CONT);
    let output = run.wait();
    assert_ne!(output.exit, 0, "{}", output.raw());
    output.says("no longer holds the lease");
    assert_eq!(case.home.journal(), journal, "it wrote into the journal: {}", output.raw());
    case.is_whole("after the first run went on", &output);
    case.is_settled("after the first run went on");
}

/// Stops a run whose snapshot counts already, lets another one do its work, and lets the first one go on: what the other
/// one left is as it was.
fn leaves_its_successor_alone(homes: &dyn Homes, kind: Kind) {
    let case = Case::new(homes, 12, SHORT);
    let stopped = case.beside(SHORT);
    let run = before(&stopped, kind, 1);
    drop(case.run(&["destroy", "--yes", "--lock-wait", "30s"]).exits(0));
    stopped.home.deliver();
    run.signal(Signal::CONT);
    let output = run.wait();
    let verified = case.run(&["state", "verify"]);
    assert_eq!(verified.exit, 0, "{}\n{}", verified.raw(), output.raw());
    assert_eq!(case.run(&["state", "list"]).exits(0).stdout, "", "{}", output.raw());
    let again = case.run(&["deploy", "--yes", "--lock-wait", "30s"]).exits(0);
    case.is_whole("after the next deploy", &again);
    case.is_settled("after the next deploy");
}

/// Somewhere between two writes: the clock tells it.
fn anywhere(case: &Case) -> Running {
    let mut run = case.cofferdam(&["deploy", "--yes", "--parallelism", "2"]).start();
    run.until("web_found.r0: create");
    run.signal(Signal::STOP);
    run
}

/// When it has looked at the clock, and the write is under way: only the home can tell it.
fn before(case: &Case, kind: Kind, number: usize) -> Running {
    let run = case.apart(&["deploy", "--yes", "--parallelism", "2"]);
    let run = case.home.stopped_at(run, kind, number);
    run.until_stopped();
    run
}

fn stopped_runs_write_nothing(homes: &dyn Homes) {
    // All of them wait for a lease to end: at the same time.
    std::thread::scope(|scope| {
        scope.spawn(|| goes_on_without_its_lease(homes, &anywhere));
        scope.spawn(|| goes_on_without_its_lease(homes, &|case| before(case, Kind::Piece, 5)));
        scope.spawn(|| goes_on_without_its_lease(homes, &|case| before(case, Kind::Base, 1)));
        scope.spawn(|| goes_on_without_its_lease(homes, &|case| before(case, Kind::Snapshot, 1)));
        scope.spawn(|| leaves_its_successor_alone(homes, Kind::Spare));
        scope.spawn(|| leaves_its_successor_alone(homes, Kind::Removal));
    });
}

/// Kills a run in the middle; what the next one says that waits so long at the most.
fn after_a_killed_run(homes: &dyn Homes, wait: &str) -> (Case, Output) {
    let case = Case::new(homes, RESOURCES, None);
    let mut killed = case.cofferdam(&["deploy", "--yes"]).start();
    killed.until(": created in");
    killed.kill().exits(128 + 9);
    let output = case.cofferdam(&["deploy", "--yes", "--lock-wait", wait]).within(Duration::from_secs(60)).run();
    (case, output)
}

#[test]
fn of_many_runs_one_writes_at_a_time() {
    one_writes_at_a_time(&Local::new());
}

#[test]
fn of_many_runs_with_a_home_in_a_bucket_one_writes_at_a_time() {
    one_writes_at_a_time(&S3::new());
}

#[test]
fn a_run_stopped_past_its_lease_writes_nothing_when_it_goes_on() {
    stopped_runs_write_nothing(&Local::new());
}

#[test]
fn a_run_stopped_past_its_lease_writes_nothing_into_a_bucket_either() {
    stopped_runs_write_nothing(&S3::new());
}

#[test]
fn a_killed_run_stands_in_nobodys_way() {
    // Without waiting: a directory knows that the process is dead.
    let (case, output) = after_a_killed_run(&Local::new(), "1ms");
    case.is_whole("afterwards", &output.exits(0));
}

#[test]
fn a_killed_run_stands_in_the_way_of_a_home_in_a_bucket_for_half_a_minute_at_the_most() {
    let (case, output) = after_a_killed_run(&S3::new(), "30s");
    output.says("is locked by `deploy`");
    case.is_whole("afterwards", &output.exits(0));
}
