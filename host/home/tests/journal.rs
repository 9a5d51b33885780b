//! The journal under many writers and on a full disk.

mod support;

use std::process::Command;
use std::sync::Arc;

use cofferdam_home::{Keys, WriteError};
use cofferdam_model::journal::Record;
use support::{Place, append, empty, intent, plain_entry, result};

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_flushes_and_keep_their_order() {
    let (tasks, steps) = (64, 50);
    let place = Place::new();
    let mut stage = place.write();
    let journal = stage.journal().expect("opens");
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                for i in 0..steps {
                    let entry = Some(plain_entry(task * steps + i)).filter(|_| i % 2 == 0);
                    journal.append(result(task, entry)).await.expect("durable");
                }
            })
        })
        .collect();
    for task in running {
        task.await.expect("no task failed");
    }
    let stats = stage.stats();
    assert_eq!(stats.records, (tasks * steps) as u64);
    assert!(stats.commits < stats.records / 4, "{stats:?}");
    // The last record of every task took its entry away.
    assert_eq!(stage.load().expect("loads").state, empty());
}

#[tokio::test]
async fn the_order_is_the_order_of_the_calls() {
    let place = Place::new();
    let mut stage = place.write();
    let journal = stage.journal().expect("opens");
    let calls: Vec<_> = (0..200).map(|i| journal.append(result(0, Some(plain_entry(i))))).collect();
    // Not one of them is awaited in order, and some not at all.
    for call in calls.into_iter().rev().step_by(3) {
        call.await.expect("durable");
    }
    let state = place.read().load().expect("loads").state;
    assert_eq!(state.resources[&support::address(0)], plain_entry(199));
    assert!(stage.stats().commits < 20, "{:?}", stage.stats());
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    // A limit on the size of files stands for the full disk; its signal is ignored, so that the write fails.
    let script = r#"trap '' XFSZ; ulimit -f 40; exec "$0" --ignored --exact --nocapture child_on_a_full_disk"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this test"))
        .current_dir(place.for_child())
        .output()
        .expect("starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let acknowledged = text.lines().filter_map(|line| line.trim().strip_prefix("acknowledged ")).next_back();
    let acknowledged: usize = acknowledged.expect("told by the child").parse().expect("a number");
    assert!(acknowledged > 5, "{acknowledged}");
    // What did not fit is not there, not even in part.
    assert_eq!(place.read().load().expect("loads").in_flight.len(), acknowledged);
}

#[tokio::test]
#[ignore = "the child process of another test"]
async fn child_on_a_full_disk() {
    if !support::is_child() {
        return;
    }
    let directory = std::env::current_dir().expect("set by the parent");
    let home = support::home_in(&directory);
    let access = cofferdam_home::Access::Write(support::holder());
    let mut stage = home.open_stage(&support::stack(), &support::stage(), access).expect("not locked");
    let journal = stage.journal().expect("opens");
    let mut acknowledged = 0;
    let first = loop {
        // More at once each time, so that one of the pieces does not fit.
        let batch: Vec<_> = (0..acknowledged + 1).map(|i| journal.append(intent(acknowledged + i))).collect();
        let mut failed = None;
        for answer in futures_util::future::join_all(batch).await {
            match answer {
                Ok(()) => acknowledged += 1,
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        if let Some(error) = failed {
            break error;
        }
    };
    // A short record would fit, and is refused all the same; so is a snapshot.
    let error = journal.append(Record::RunFinished { at_ms: 1 }).await.expect_err("nothing more is written");
    assert!(Arc::ptr_eq(&error.source, &first.source));
    assert!(matches!(stage.compact(&empty()), Err(WriteError::Journal(_))));
    println!("\nacknowledged {acknowledged}");
}

#[tokio::test]
async fn a_secret_without_a_key_stops_the_journal() {
    let place = Place::new();
    let keys = Keys::new(place.root().join("identity.txt"));
    let home = place.home_with(keys);
    let access = cofferdam_home::Access::Write(support::holder());
    let mut stage = home.open_stage(&support::stack(), &support::stage(), access).expect("opens");
    append(&mut stage, [intent(0)]).await;
    let journal = stage.journal().expect("opens");
    let error = journal.append(result(0, Some(support::secret_entry(0)))).await.expect_err("no key");
    assert!(error.source.to_string().contains("inside the home"), "{}", error.source);
    journal.append(intent(1)).await.expect_err("nothing more is written");
    assert_eq!(place.read().load().expect("loads").in_flight.len(), 1);
}
