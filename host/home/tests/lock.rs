//! One writer at a time, across processes; a lock ends with its process.

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use cofferdam_home::{Access, OpenStageError};
use support::{Place, holder, stack, stage};

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let place = Place::new();
    let first = place.write();
    let home = place.home();
    let error = home.open_stage(&stack(), &stage(), Access::Write(holder())).err().expect("locked");
    let OpenStageError::Locked { holder: Some(told), .. } = &error else { panic!("{error}") };
    assert_eq!(**told, holder());
    let pid = std::process::id();
    let text = format!("stack `shop` in stage `dev` is locked by `deploy` of ada on ci-1, process {pid}");
    assert_eq!(error.to_string(), text);
    // Readers and other stages are free.
    place.read().load().expect("loads");
    let other = cofferdam_model::StageName::new("production").expect("valid");
    home.open_stage(&stack(), &other, Access::Write(holder())).expect("another stage");
    drop(first);
    place.write();
}

#[test]
fn appending_goes_on_until_the_stage_is_dropped() {
    let place = Place::new();
    let mut first = place.write();
    let journal = first.journal().expect("opens");
    let pending = journal.append(support::intent(0));
    drop(first);
    // What was queued is durable, what comes later is refused, and the lock is free.
    assert_eq!(place.write().load().expect("loads").in_flight.len(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
    runtime.block_on(pending).expect("durable");
    let error = runtime.block_on(journal.append(support::intent(1))).expect_err("closed");
    assert_eq!(error.source.to_string(), "the stage is closed");
}

#[test]
fn a_killed_process_holds_no_lock() {
    let place = Place::new();
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", "child_that_holds_the_lock"])
        .current_dir(place.for_child())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let held = lines.map_while(Result::ok).any(|line| line.contains("the lock is held"));
    assert!(held, "the child took the lock");
    let error = place.home().open_stage(&stack(), &stage(), Access::Write(holder())).err().expect("locked");
    let OpenStageError::Locked { holder: Some(told), .. } = &error else { panic!("{error}") };
    assert_eq!(told.pid, child.id());
    child.kill().expect("killed");
    child.wait().expect("ended");
    place.write();
}

#[test]
#[ignore = "the child process of another test"]
fn child_that_holds_the_lock() {
    if !support::is_child() {
        return;
    }
    let root = std::env::current_dir().expect("set by the parent").join("home");
    let keys = cofferdam_home::Keys { identity: "none".into(), passphrase: None };
    let home = cofferdam_home::LocalHome::open(root, keys, std::sync::Arc::new(support::SystemEntropy)).expect("opens");
    let _stage = home.open_stage(&stack(), &stage(), Access::Write(holder())).expect("not locked");
    println!("the lock is held");
    // Until the parent kills this process.
    let _ = std::io::stdin().read(&mut [0]);
}
