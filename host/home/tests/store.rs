//! What every store promises, and that the probe finds one that does not keep it. A further store is a further line of
//! `with_cases!`; those that need a server are in `s3.rs`.

#[macro_use]
#[path = "support/stores.rs"]
mod stores;

use cofferdam_home::store::{LocalStore, ProbeError, Store as _, probe};
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
