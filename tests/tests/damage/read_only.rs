//! A home on a disk that lets nobody write: everything that only looks works, and everything else says what is needed,
//! before any call changes an object.

use std::fs;

use crate::disk::Disk;
use crate::home::shown;
use crate::project::Project;
use crate::table::Table;

#[test]
fn a_directory_that_cannot_be_written_is_read_and_left_alone() {
    let project = Project::new("", "");
    fs::create_dir(project.sandbox.path(".cofferdam")).expect("made");
    let disk = Disk::mount(&project.sandbox.path(".cofferdam"), 400);
    let run = |args: &[&str]| disk.run(project.sandbox.cofferdam(args));
    let mut table = Table::new("A directory that cannot be written", &["home", "command", "what it says", "objects"]);

    // Where there is no home yet.
    disk.remount("ro");
    drop(run(&["plan"]).exits(0));
    let refused = run(&["deploy", "--yes"]).exits(1);
    insta::assert_snapshot!("no_home", shown(&refused.shown()));
    assert_eq!((project.requests(), project.service.totals()), (0, (0, 0)));
    table.row(&["none yet", "`deploy`", &crate::cases::said(&refused), "none, as before"]);

    disk.remount("rw");
    drop(run(&["secret", "set", "api", "correct-horse"]).exits(0));
    let deployed = run(&["deploy", "--yes"]).exits(0);
    project.is_whole("with a home", &deployed);

    disk.remount("ro");
    let requests = project.requests();
    let looking: [&[&str]; 8] = [
        &["plan", "--exit-code", "--refresh", "all"],
        &["output"],
        &["state", "list"],
        &["state", "history"],
        &["state", "verify"],
        &["state", "pull"],
        &["secret", "list"],
        &["key", "list"],
    ];
    for command in looking {
        drop(run(command).exits(0));
    }
    table.row(&["whole", "`plan`, `output`, `state list` and others that look", "exit 0", "6 of 6, 0 twice"]);
    let writing: [(&str, &[&str]); 5] = [
        ("deploy", &["deploy", "--yes", "--var", "size=2"]),
        ("destroy", &["destroy", "--yes"]),
        ("state_rm", &["state", "rm", "random_password.db", "--yes"]),
        ("secret_set", &["secret", "set", "api", "battery-staple"]),
        ("key_rotate", &["key", "rotate", "--yes"]),
    ];
    for (name, command) in writing {
        let refused = run(command).exits(1);
        insta::assert_snapshot!(name, shown(&refused.shown()));
        table.row(&[
            "whole",
            &format!("`{}`", command[..2].join(" ")),
            &crate::cases::said(&refused),
            "6 of 6, 0 twice",
        ]);
    }
    assert_eq!(project.requests(), requests, "a call changed an object");

    disk.remount("rw");
    let again = run(&["deploy", "--yes", "--var", "size=2"]).exits(0);
    project.is_whole("writable again", &again);
    drop(run(&["plan", "--exit-code", "--refresh", "all", "--var", "size=2"]).exits(0));
    table.print();
}
