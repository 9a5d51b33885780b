//! One writer at a time, across processes; a lease ends with its process, or with its time.

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use cofferdam_home::{Access, OpenStageError, WriteError};
use support::{Place, append, holder, stack, stage};

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let place = Place::new();
    let first = place.write();
    let home = place.home();
    let error = home.open_stage(&stack(), &stage(), Access::Write(holder())).err().expect("locked");
    let OpenStageError::Locked { held, .. } = &error else { panic!("{error}") };
    assert_eq!(held.holder, Some(holder()));
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
    // What was queued is durable, what comes later is refused, and the lease is free.
    assert_eq!(place.write().load().expect("loads").in_flight.len(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
    runtime.block_on(pending).expect("durable");
    let error = runtime.block_on(journal.append(support::intent(1))).expect_err("closed");
    assert_eq!(error.source.to_string(), "the stage is closed");
}

#[test]
fn a_killed_process_holds_no_lease() {
    let place = Place::new();
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", "child_that_holds_the_lease"])
        .current_dir(place.for_child())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let held = lines.map_while(Result::ok).any(|line| line.contains("the lease is held"));
    assert!(held, "the child took the lease");
    let error = place.home().open_stage(&stack(), &stage(), Access::Write(holder())).err().expect("locked");
    let OpenStageError::Locked { held, .. } = &error else { panic!("{error}") };
    assert_eq!(held.holder.as_ref().map(|holder| holder.pid), Some(child.id()));
    child.kill().expect("killed");
    child.wait().expect("ended");
    // It did not end as it should, so it is shut out.
    place.write().load().expect("loads");
    let fence = std::fs::read_to_string(place.piece()).expect("a fence");
    assert!(fence.contains(r#""fence":true"#), "{fence}");
}

#[test]
#[ignore = "the child process of another test"]
fn child_that_holds_the_lease() {
    if !support::is_child() {
        return;
    }
    let home = support::home_in(&std::env::current_dir().expect("set by the parent"));
    let _stage = home.open_stage(&stack(), &stage(), Access::Write(holder())).expect("not locked");
    println!("the lease is held");
    // Until the parent kills this process.
    let _ = std::io::stdin().read(&mut [0]);
}

/// A run that is stopped for long, in whose place another goes on.
#[tokio::test]
async fn a_run_that_lost_its_lease_writes_nothing() {
    let place = Place::new();
    let mut paused = place.write();
    append(&mut paused, [support::intent(0)]).await;
    let journal = paused.journal().expect("opens");
    // Its lease is too old by the file system's clock.
    let token = place.objects("lease").into_iter().find(|path| path.extension().is_some_and(|e| e == "json"));
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    let file = std::fs::File::options().write(true).open(token.expect("a token")).expect("opens");
    file.set_modified(long_ago).expect("set");

    let mut next = place.write();
    let loaded = next.load().expect("loads");
    assert_eq!(loaded.in_flight.len(), 1);
    let before = place.objects("journal");
    journal.append(support::intent(1)).await.expect_err("shut out");
    assert!(matches!(paused.compact(&support::empty()), Err(WriteError::Journal(_))));
    assert_eq!(place.objects("journal"), before);
    // Also where the other one has made a snapshot meanwhile, and removed what came before.
    append(&mut next, [support::result(0, Some(support::plain_entry(0)))]).await;
    let state = next.load().expect("loads").state;
    let _ = next.compact(&state).expect("written");
    drop(paused);
    assert_eq!(place.read().load().expect("loads").state.resources.len(), 1);
    append(&mut next, [support::intent(2)]).await;
}

#[tokio::test]
async fn a_paused_run_is_shut_out_of_a_number_that_was_compacted_away() {
    let place = Place::new();
    let mut paused = place.write();
    append(&mut paused, [support::intent(0)]).await;
    let journal = paused.journal().expect("opens");
    place.home().unlock(&stack(), &stage(), &holder()).expect("taken by force");
    for i in 1..4 {
        let mut next = place.write();
        append(&mut next, [support::result(i, Some(support::plain_entry(i)))]).await;
        let state = next.load().expect("loads").state;
        let _ = next.compact(&state).expect("written");
    }
    // The fence and the last base are what is left of the journal.
    assert_eq!(place.objects("journal").len(), 2);
    let error = journal.append(support::intent(9)).await.expect_err("shut out");
    assert!(error.source.to_string().contains("another run has taken it"), "{}", error.source);
    assert!(journal.may_write().is_err());
}

#[test]
fn a_lease_that_was_not_renewed_is_not_relied_on() {
    let place = Place::new();
    let clock = std::sync::Arc::new(support::TestClock::default());
    let home = cofferdam_home::Home::open(cofferdam_home::HomeCtx { clock: clock.clone(), ..place.ctx(place.keys()) });
    let mut held = home.expect("opens").open_stage(&stack(), &stage(), Access::Write(holder())).expect("free");
    let journal = held.journal().expect("opens");
    journal.may_write().expect("just taken");
    clock.0.store(17_000, std::sync::atomic::Ordering::SeqCst);
    let error = journal.may_write().expect_err("too old");
    assert!(error.source.to_string().contains("could not be renewed in time"), "{}", error.source);
}
