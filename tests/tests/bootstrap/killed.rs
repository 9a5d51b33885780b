//! Runs that are killed in the middle of a bootstrap, at every write of it, before and after the server had it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::account::{Account, run};

/// More writes than a bootstrap has.
const WRITES: usize = 50;
/// Writes at which runs are killed at one time, before and after.
const AT_ONCE: usize = 6;
const REGION: &str = "region = \"eu-west-1\"";

/// Kills a run at its n-th write; whether there was one.
fn killed_at(write: usize, after: bool) -> bool {
    let (pid, seen) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)));
    let (victim, count) = (Arc::clone(&pid), Arc::clone(&seen));
    let account = Account::behind(move |request, onward| {
        let probes = request.path.contains("/probe/") || request.body.windows(6).any(|part| part == b"probe/");
        let writes = request.method == "PUT" || (request.method == "POST" && request.path != "/");
        if probes || !writes || count.fetch_add(1, Ordering::SeqCst) != write {
            return onward.send().ok();
        }
        let answer = if after { onward.send().ok() } else { None };
        let victim = Pid::from_raw(victim.swap(0, Ordering::SeqCst));
        if let Some(pid) = victim {
            kill_process(pid, Signal::KILL).expect("it runs");
        }
        // Its lease ends by itself; the answer reaches nobody.
        answer.filter(|_| victim.is_none())
    });
    let sandbox = account.sandbox(&[REGION]);
    let first = run(&sandbox, &["deploy", "--yes"]).start();
    pid.store(first.pid().as_raw_nonzero().get(), Ordering::SeqCst);
    let first = first.wait();
    if first.exit == 0 {
        return false;
    }
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    assert_eq!(account.buckets().len(), 2, "write {write}, after {after}");
    run(&sandbox, &["bootstrap", "verify", "--region", "eu-west-1"]).run().exits(0);
    true
}

/// How many runs were killed. They wait for a lease that ends by itself, so that many go on at one time.
fn matrix(step: usize) -> usize {
    let writes: Vec<usize> = (0..WRITES).step_by(step).collect();
    let mut kills = 0;
    for some in writes.chunks(AT_ONCE) {
        kills += thread::scope(|scope| {
            let runs = some.iter().flat_map(|write| [false, true].map(|after| (*write, after)));
            let runs: Vec<_> = runs.map(|(write, after)| scope.spawn(move || killed_at(write, after))).collect();
            runs.into_iter().map(|run| usize::from(run.join().expect("no panic"))).sum::<usize>()
        });
    }
    kills
}

#[test]
fn a_bootstrap_that_was_killed_is_gone_on_with() {
    assert!(matrix(9) > 4);
}

#[test]
#[ignore = "takes long: a run that is killed keeps its lease for its time to live"]
fn a_bootstrap_killed_at_every_write_is_gone_on_with() {
    let kills = matrix(1);
    println!("{kills} runs were killed");
    assert!(kills > 40);
}
