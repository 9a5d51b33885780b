//! Many callers and many processes on a fresh account, at the same moment.

use std::time::Duration;

use crate::account::{Account, run};
use crate::service::Service;

/// More than forty processes may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);
const REGIONS: [&str; 3] = ["region = \"us-east-1\"", "region = \"eu-west-1\"", "region = \"ap-south-1\""];

/// Begins processes at one moment in the same account; everyone succeeds, and everything is there once.
fn processes(count: usize, regions: &[&str]) {
    let account = Account::new();
    let sandboxes: Vec<_> = (0..count).map(|_| account.sandbox(regions)).collect();
    let runs: Vec<_> =
        sandboxes.iter().map(|sandbox| run(sandbox, &["deploy", "--yes"]).within(PATIENCE).start()).collect();
    for run in runs {
        run.wait().exits(0);
    }
    let buckets = account.buckets();
    assert_eq!(buckets.len(), 2 * regions.len(), "{count} processes: {buckets:?}");
    // A bucket's settings were written by one process alone.
    let versioned = account.all().iter().filter(|line| line.starts_with("PUT") && line.contains("?versioning")).count();
    assert_eq!(versioned, 2 * regions.len(), "{count} processes");
    // One record a region, in its state bucket, and no lease that anybody holds.
    let records: std::collections::BTreeSet<String> = account
        .all()
        .iter()
        .filter(|line| line.starts_with("PUT") && line.contains("/bootstrap/") && line.contains("/record/"))
        .filter_map(|line| line.split("/record/").next().map(str::to_owned))
        .collect();
    assert_eq!(records.len(), regions.len(), "{records:?}");
    let verify = run(&sandboxes[0], &["bootstrap", "verify", "--region", "us-east-1"]).run().exits(0);
    verify.says("is as it should be");
}

#[test]
fn two_processes_make_one() {
    processes(2, &REGIONS);
}

#[test]
fn ten_processes_make_one() {
    processes(10, &REGIONS);
}

#[test]
#[ignore = "takes long: forty processes at one time"]
fn forty_processes_make_one() {
    processes(40, &REGIONS[..1]);
}

/// Processes whose plugin prepares something itself, with one home: once, and everyone succeeds.
#[test]
fn ten_processes_prepare_a_plugin_s_scope_once() {
    let service = Service::new();
    let sandboxes: Vec<_> = (0..10).map(|_| service.sandbox("", &[""])).collect();
    let home = format!("local:{}", sandboxes[0].path("shared").display());
    let deploy = |number: usize| {
        // Each a stage of its own: they share what is prepared, and nothing else.
        let stage = format!("s{number}");
        let args = ["deploy", "--yes", "--home", &home, "--stage", &stage];
        sandboxes[number].cofferdam(&args).within(PATIENCE).start()
    };
    let runs: Vec<_> = (0..sandboxes.len()).map(deploy).collect();
    for run in runs {
        run.wait().exits(0);
    }
    assert_eq!((service.things().len(), service.makings(), service.posts()), (3, 3, 3));
}

/// As many instances of a plugin that ask at one time; how many requests that cost.
fn callers(count: usize) -> usize {
    let account = Account::new();
    let sandbox = account.sandbox(&vec![REGIONS[0]; count]);
    let parallelism = count.to_string();
    let args = ["deploy", "--yes", "--format", "json", "--parallelism", &parallelism];
    run(&sandbox, &args).within(PATIENCE).run().exits(0);
    assert_eq!(account.buckets().len(), 2, "{count} callers");
    assert_eq!(account.asked_who(), 1, "{count} callers");
    // How often a lease is renewed, and which of many requests at one time are sent again, depends on the machine.
    account.all().iter().filter(|line| !line.contains("lease") && !line.contains("probe")).count()
}

#[test]
fn requests_do_not_grow_with_callers() {
    let one = callers(1);
    for count in [50, 270] {
        assert_eq!(callers(count), one, "{count} callers");
    }
}

#[test]
#[ignore = "takes long: ten thousand resources"]
fn requests_do_not_grow_with_thousands_of_callers() {
    let one = callers(1);
    for count in [1_000, 10_000] {
        assert_eq!(callers(count), one, "{count} callers");
    }
}
