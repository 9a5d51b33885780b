//! Many runs of one stack at one moment, and a run that is stopped past its lease.

use std::time::Duration;

use rustix::process::Signal;

use crate::remote::{Count, Remote, sandbox};

const RUNS: usize = 20;
const RESOURCES: usize = 12;
/// A short lease, so that nobody waits long for it to end.
const SHORT: &str = "  home = { local = { lease = \"5s\" } }\n";

#[test]
fn of_many_runs_one_writes_at_a_time() {
    let remote = Remote::start();
    let sandbox = sandbox(&remote, RESOURCES, "");
    let runs: Vec<_> = (0..RUNS)
        .map(|i| {
            // Half of them wait for their turn.
            let wait = if i % 2 == 0 { "60s" } else { "1ms" };
            sandbox.cofferdam(&["deploy", "--yes", "--lock-wait", wait]).start()
        })
        .collect();
    let mut done = 0;
    for (i, run) in runs.into_iter().enumerate() {
        let output = run.wait();
        match output.exit {
            0 => done += 1,
            6 if i % 2 == 1 => {
                output.says("is locked by `deploy`");
            }
            status => panic!("{status}: {}", output.raw()),
        }
    }
    assert!(done >= RUNS / 2, "{done} runs came to their turn");
    assert_eq!(remote.count(), Count { kept: RESOURCES as u64, duplicates: 0 });
    sandbox.expect_no_changes();
}

#[test]
fn a_run_stopped_past_its_lease_writes_nothing_when_it_goes_on() {
    let remote = Remote::start();
    let sandbox = sandbox(&remote, 60, SHORT);
    let mut stopped = sandbox.cofferdam(&["deploy", "--yes", "--parallelism", "2"]).start();
    stopped.until("web_found.r0: create");
    stopped.signal(Signal::STOP);
    sandbox.run(&["deploy", "--yes", "--lock-wait", "30s"]).exits(0);
    let pieces = || {
        let journal = sandbox.path(".cofferdam/stacks/shop/dev/journal");
        let entries = std::fs::read_dir(journal).expect("a journal").flatten();
        let mut files: Vec<_> = entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).ok())).collect();
        files.retain(|(name, _)| !name.to_string_lossy().starts_with('.'));
        files.sort();
        files
    };
    let before = pieces();
    stopped.signal(Signal::CONT);
    let output = stopped.wait();
    assert_ne!(output.exit, 0, "{}", output.raw());
    output.says("no longer holds the lease");
    assert_eq!(pieces(), before, "it wrote into the journal");
    assert_eq!(remote.count(), Count { kept: 60, duplicates: 0 });
    sandbox.expect_no_changes();
}

#[test]
fn a_killed_run_stands_in_nobodys_way() {
    let remote = Remote::start();
    let sandbox = sandbox(&remote, RESOURCES, "");
    let mut killed = sandbox.cofferdam(&["deploy", "--yes"]).start();
    killed.until("create");
    killed.kill().exits(128 + 9);
    // Without waiting: a directory knows that the process is dead.
    sandbox.cofferdam(&["deploy", "--yes"]).within(Duration::from_secs(20)).run().exits(0);
    assert_eq!(remote.count(), Count { kept: RESOURCES as u64, duplicates: 0 });
}
