//! The crash matrix: killed at every boundary of the journal, and at any moment in between.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_tests::{Sandbox, repository, target};

use crate::remote::{Remote, empties, sandbox, settles};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    Deploy,
    Destroy,
}

impl Killed {
    fn command(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
        }
    }

    fn prepare(self, sandbox: &Sandbox) {
        if self == Self::Destroy {
            sandbox.deploy();
        }
    }

    fn settle(self, sandbox: &Sandbox, remote: &Remote, resources: usize, what: &str) {
        match self {
            Self::Deploy => settles(sandbox, remote, resources, what),
            Self::Destroy => empties(sandbox, remote, what),
        }
    }
}

/// The library that kills cofferdam at a boundary.
fn library() -> PathBuf {
    let library = target().join("tmp").join(format!("kill_at-{}.so", std::process::id()));
    std::fs::create_dir_all(library.parent().expect("in a folder")).expect("made");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(repository().join("tests/crash/kill_at.c"))
        .arg("-ldl")
        .output()
        .expect("a C compiler, which building cofferdam needs as well");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Kills at the first boundary, at the second, and so on until a run gets through; the number of kills.
fn every_boundary(killed: Killed, resources: usize) -> usize {
    let library = library();
    let mut kills = 0;
    for when in ["before", "after"] {
        for boundary in 1.. {
            let remote = Remote::start();
            let sandbox = sandbox(&remote, resources, "");
            killed.prepare(&sandbox);
            let output = sandbox
                .cofferdam(&[killed.command(), "--yes"])
                .env("LD_PRELOAD", &library)
                .env("KILL_AT", boundary.to_string())
                .env("KILL_WHEN", when)
                .run();
            if output.exit == 0 {
                break;
            }
            assert_eq!(output.exit, 128 + 9, "{}", output.raw());
            kills += 1;
            killed.settle(&sandbox, &remote, resources, &format!("{killed:?}, {when} boundary {boundary}"));
        }
    }
    let _ = std::fs::remove_file(library);
    kills
}

/// Kills at so many moments, spread over the length of an undisturbed run; how many runs were killed.
#[expect(clippy::disallowed_methods, reason = "the moment of a kill is real time")]
fn any_moment(killed: Killed, resources: usize, moments: i32, home: &str) -> usize {
    let mut kills = 0;
    let mut length = Duration::MAX;
    // The first runs are measured; the very first may have a plugin to compile.
    for moment in -2..moments {
        let remote = Remote::start();
        let sandbox = sandbox(&remote, resources, home);
        killed.prepare(&sandbox);
        let began = Instant::now();
        let run = sandbox.cofferdam(&[killed.command(), "--yes"]).start();
        if moment < 0 {
            run.wait().exits(0);
            length = length.min(began.elapsed());
            continue;
        }
        // Multiples of the golden ratio fall evenly, and never twice on one spot.
        let part = (f64::from(moment) * 0.618_033_988_75).fract();
        std::thread::sleep(length.mul_f64(part));
        let status = run.kill().exit;
        kills += usize::from(status == 128 + 9);
        killed.settle(&sandbox, &remote, resources, &format!("{killed:?}, moment {moment} of {moments}"));
    }
    kills
}

#[test]
fn a_deploy_killed_at_every_boundary_is_settled_by_the_next() {
    let kills = every_boundary(Killed::Deploy, 12);
    assert!(kills > 20, "only {kills} boundaries");
}

#[test]
fn a_destroy_killed_at_every_boundary_is_settled_by_the_next() {
    let kills = every_boundary(Killed::Destroy, 12);
    assert!(kills > 20, "only {kills} boundaries");
}

#[test]
fn a_deploy_killed_at_any_moment_is_settled_by_the_next() {
    let kills = any_moment(Killed::Deploy, 40, 20, "");
    assert!(kills > 10, "only {kills} kills");
}

#[test]
fn a_destroy_killed_at_any_moment_is_settled_by_the_next() {
    let kills = any_moment(Killed::Destroy, 40, 20, "");
    assert!(kills > 10, "only {kills} kills");
}

#[test]
#[ignore = "takes minutes: `make test-full`"]
fn the_whole_matrix_of_a_hundred_resources() {
    for killed in [Killed::Deploy, Killed::Destroy] {
        let kills = every_boundary(killed, 100);
        println!("{killed:?}: killed at {kills} boundaries");
        let kills = any_moment(killed, 100, 200, "");
        println!("{killed:?}: killed at {kills} moments");
    }
}
