//! A disk that is full, at every page: one of them is missing to a home that a deploy makes. It says so and stops; with
//! room again the next deploy goes on from what is written, and every object is there once.

use std::collections::BTreeMap;
use std::fs;

use cofferdam_tests::Output;

use crate::disk::Disk;
use crate::project::{OBJECTS, Project};
use crate::table::Table;

/// More than any run takes.
const PAGES: u64 = 400;
/// What people are told to do about it.
const HINT: &str = "hint: make room on this disk, then run the command again: it goes on from what is written";

/// What could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hit {
    HomeFile,
    Lease,
    Keyring,
    Intent,
    Result,
    Snapshot,
    Base,
    /// The run needs nothing more of that which is missing.
    Nothing,
}

impl Hit {
    /// What some run fails at in any case. What is written at one time with something else may find the page, or not.
    const ALWAYS: [&[Self]; 5] =
        [&[Self::HomeFile], &[Self::Lease], &[Self::Intent], &[Self::Result], &[Self::Snapshot, Self::Base]];

    /// By what the run says, what is on the disk, and what the service has.
    fn of(output: &Output, disk: &Disk, made: usize) -> Self {
        if output.exit == 0 {
            return Self::Nothing;
        }
        let said = |part: &str| output.stderr.contains(part);
        let snapshots = fs::read_dir(disk.path("stacks/shop/dev/states")).map_or(0, |found| {
            let names = found.flatten().map(|entry| entry.file_name());
            names.filter(|name| name.to_string_lossy().ends_with(".json")).count()
        });
        match () {
            () if said("/home.json`") => Self::HomeFile,
            () if said("/lease/") => Self::Lease,
            () if said("/keys/") => Self::Keyring,
            () if said("/states/") => Self::Snapshot,
            () if said("/journal/") && snapshots > 0 => Self::Base,
            () if said("/journal/") && made > 0 => Self::Result,
            () if said("/journal/") => Self::Intent,
            () => panic!("it does not say what could not be written: {}", output.raw()),
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_at_any_page() {
    let mut hits: BTreeMap<Hit, (u64, u64, String)> = BTreeMap::new();
    let mut fails = |pages: u64| {
        let (hit, said) = deploy_with(pages);
        let entry = hits.entry(hit).or_insert((pages, pages, said));
        (entry.0, entry.1) = (entry.0.min(pages), entry.1.max(pages));
        hit
    };
    let enough = (0..).find(|pages| fails(*pages) == Hit::Nothing).expect("a run needs no more pages than there are");
    // How many pages a run takes is not the same each time: records that wait together share a piece.
    let around = (enough.saturating_sub(6)..enough + 6).cycle().take(60);
    let _ = around.map(fails).find(|hit| matches!(hit, Hit::Snapshot | Hit::Base));
    let mut table = Table::new(
        "A deploy on a disk with so many pages (4 KiB) left",
        &["could not be written", "pages left", "what the deploy says", "lost", "objects after the next deploy"],
    );
    for (hit, (first, last, said)) in &hits {
        let pages = if first == last { first.to_string() } else { format!("{first} to {last}") };
        table.row(&[&format!("{hit:?}"), &pages, said, "nothing", &format!("{OBJECTS} of {OBJECTS}, 0 twice")]);
    }
    table.print();
    for one_of in Hit::ALWAYS {
        assert!(one_of.iter().any(|hit| hits.contains_key(hit)), "no run failed at: {one_of:?}");
    }
}

/// A deploy with so many pages left, and another one with room; what the first could not write, and what it said.
fn deploy_with(pages: u64) -> (Hit, String) {
    let project = Project::new("", "");
    fs::create_dir(project.sandbox.path(".cofferdam")).expect("made");
    let disk = Disk::mount(&project.sandbox.path(".cofferdam"), PAGES);
    disk.leave(pages);
    let run = |args: &[&str]| disk.run(project.sandbox.cofferdam(args));
    let full = run(&["deploy", "--yes", "--parallelism", "1"]);
    let (made, _) = project.service.totals();
    let hit = Hit::of(&full, &disk, made);
    let what = format!("{pages} pages, {hit:?}");
    if hit != Hit::Nothing {
        assert_eq!(full.exit, 1, "{what}: {}", full.raw());
        assert!(full.stderr.contains("No space left on device"), "{what}: {}", full.raw());
        assert!(full.stderr.contains(HINT), "{what}: {}", full.raw());
        // Looking works, and finds nothing damaged.
        let looked = run(&["state", "verify"]);
        assert_eq!(looked.exit, 0, "{what}: {}", looked.raw());
        assert_eq!(run(&["plan"]).exit, 0, "{what}");
    }
    disk.free();
    let again = run(&["deploy", "--yes"]);
    assert_eq!(again.exit, 0, "{what}: {}", again.raw());
    project.is_whole(&what, &again);
    let plan = run(&["plan", "--exit-code", "--refresh", "all"]);
    assert_eq!(plan.exit, 0, "{what}: {}", plan.raw());
    let verify = run(&["state", "verify"]);
    assert_eq!(verify.exit, 0, "{what}: {}", verify.raw());
    let said = full.stderr.lines().find_map(|line| line.split_once("error: "));
    (hit, said.map_or_else(String::new, |(_, said)| format!("exit 1: {}", crate::home::shown(&full.shown_of(said)))))
}

/// Commands that only change the home, on a disk without a page.
#[test]
fn no_command_harms_a_home_on_a_full_disk() {
    let project = Project::new("", "");
    fs::create_dir(project.sandbox.path(".cofferdam")).expect("made");
    let disk = Disk::mount(&project.sandbox.path(".cofferdam"), PAGES);
    let run = |args: &[&str]| disk.run(project.sandbox.cofferdam(args));
    drop(run(&["secret", "set", "api", "correct-horse"]).exits(0));
    drop(run(&["deploy", "--yes"]).exits(0));
    let commands: [&[&str]; 6] = [
        &["secret", "set", "api", "battery-staple"],
        &["secret", "rm", "api"],
        &["state", "rm", "random_password.db", "--yes"],
        &["key", "rotate", "--yes"],
        &["refresh"],
        &["destroy", "--yes"],
    ];
    for command in commands {
        for pages in [0, 1, 2] {
            disk.leave(pages);
            let full = run(command);
            if full.exit == 0 {
                // One page may be all that it takes.
                assert!(pages > 0, "{command:?} says that it was done: {}", full.raw());
                break;
            }
            assert_eq!(full.exit, 1, "{command:?}, {pages} pages: {}", full.raw());
            assert!(full.stderr.contains("No space left on device"), "{command:?}, {pages} pages: {}", full.raw());
            assert!(full.stderr.contains(HINT), "{command:?}, {pages} pages: {}", full.raw());
            let verify = run(&["state", "verify"]);
            assert_eq!(verify.exit, 0, "{command:?}, {pages} pages: {}", verify.raw());
        }
        disk.free();
        let again = run(&["deploy", "--yes"]).exits(0);
        project.is_whole(&format!("{command:?}"), &again);
    }
    drop(run(&["plan", "--exit-code", "--refresh", "all"]).exits(0));
}
