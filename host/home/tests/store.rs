//! What every store promises, and that the probe finds one that does not keep it. A further store is a further line of
//! `with_cases!`; those that need a server are in `s3.rs`.

#[macro_use]
#[path = "support/stores.rs"]
mod stores;

use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_home::store::{Created, LocalStore, ProbeError, Store as _, probe};
use stores::{Memory, SystemEntropy};

/// A test for each case, against the store of an expression `(what must outlive it, store)`.
macro_rules! keeps_every_promise {
    (($module:ident, $make:expr) $($case:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    let (_outlives, store) = $make;
                    crate::stores::$case(&store);
                }
            )*
        }
    };
}

/// A directory of its own, and the store in it.
fn local() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let store = LocalStore::new(directory.path().join("store"));
    (directory, store)
}

with_cases!(keeps_every_promise!(local, crate::local()));
with_cases!(keeps_every_promise!(memory, ((), crate::stores::Memory::default())));

/// Whoever looks whether a process is dead, at whatever moment, neither keeps it from taking hold nor finds it dead.
#[test]
fn who_looks_does_not_disturb_who_takes_hold() {
    let (directory, store) = local();
    let lock = directory.path().join("store/lease/1.lock");
    assert_eq!(store.create("lease/1.json", b"1").expect("made"), Created::Made);
    std::fs::write(&lock, "").expect("made");
    let looking = std::fs::File::open(&lock).expect("there");
    rustix::fs::flock(&looking, rustix::fs::FlockOperation::NonBlockingLockShared).expect("locked");
    let hold = store.hold("lease/1.json").expect("taken").expect("a directory tells");
    drop(looking);
    assert!(!store.is_abandoned("lease/1.json"));
    drop(hold);
    assert!(store.is_abandoned("lease/1.json"));
}

#[test]
fn nobody_is_dead_while_he_takes_hold() {
    let (_directory, store) = local();
    let names: Vec<String> = (0..500).map(|number| format!("lease/{number}.json")).collect();
    // In a directory that is there, so that nothing else takes long.
    assert_eq!(store.create("lease/0.json", b"1").expect("made"), Created::Made);
    // The one that counts lives until the next one does.
    let counts = AtomicUsize::new(0);
    let found_dead = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut found = 0;
            loop {
                let number = counts.load(Ordering::SeqCst);
                let Some(name) = names.get(number) else { return found };
                let dead = store.is_abandoned(name);
                found += usize::from(dead && counts.load(Ordering::SeqCst) == number);
            }
        });
        for name in &names {
            let _hold = store.hold(name);
            counts.fetch_add(1, Ordering::SeqCst);
        }
        looks.join().expect("ends")
    });
    assert_eq!(found_dead, 0);
}

#[test]
fn the_probe_refuses_a_store_that_looks_and_then_writes() {
    for _ in 0..20 {
        let mut store = Memory::default();
        store.careless = true;
        let error = probe(&store, &SystemEntropy).expect_err("refused");
        let ProbeError::NotExclusive { place, seen } = &error else { panic!("{error}") };
        assert_eq!(place, "memory");
        assert!(seen.ends_with("of 32 creations of one object succeeded"), "{seen}");
        assert!(error.hint().expect("a hint").contains("Amazon S3"));
        assert_eq!(store.list("").expect("listed"), [], "nothing is left");
    }
}
