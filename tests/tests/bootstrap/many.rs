//! Many processes on a fresh account, at the same moment.

use crate::account::{Account, run};

#[test]
fn ten_processes_make_one() {
    let account = Account::new();
    let regions = ["region = \"us-east-1\"", "region = \"eu-west-1\"", "region = \"ap-south-1\""];
    let sandboxes: Vec<_> = (0..10).map(|_| account.sandbox(&regions)).collect();
    let runs: Vec<_> = sandboxes.iter().map(|sandbox| run(sandbox, &["deploy", "--yes"]).start()).collect();
    for run in runs {
        run.wait().exits(0);
    }
    let buckets = account.buckets();
    assert_eq!(buckets.len(), 6, "{buckets:?}");
    // A bucket's settings were written by one process alone.
    let versioned = account.all().iter().filter(|line| line.starts_with("PUT") && line.contains("?versioning")).count();
    assert_eq!(versioned, 6);
}
