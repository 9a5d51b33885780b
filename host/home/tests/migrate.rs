//! A home moves as a whole or not at all, and whoever comes to the old place is told.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cofferdam_home::store::{Created, Listed, LocalStore, Store, StoreError, Trouble};
use cofferdam_home::{
    Access, Home, HomeCtx, KeyChange, MigrateError, Migrated, Migration, OpenHomeError, OpenStageError, Overwrite,
    ReencryptError, SecretsError, migrate,
};
use cofferdam_model::{SecretName, StageName};
use support::{Place, append, holder, intent, plain_entry, result, secret_entry, stack, stage};

/// A home of two stages, with secrets, history, a journal and a write in flight.
async fn prepared() -> Place {
    let place = Place::new();
    let mut open = place.write();
    for i in 0..3 {
        append(&mut open, [result(i, Some(secret_entry(i)))]).await;
        let state = open.load().expect("loads").state;
        let _ = open.compact(&state).expect("written");
    }
    append(&mut open, [intent(4), result(5, Some(plain_entry(5)))]).await;
    let production = StageName::new("production").expect("valid");
    let mut other = place.home().open_stage(&stack(), &production, Access::Write(holder())).expect("free");
    append(&mut other, [result(7, Some(plain_entry(7)))]).await;
    place
}

fn migration(place: &Place, to: Arc<dyn Store>) -> Migration {
    let HomeCtx { store, keys, clock, entropy } = place.ctx(place.keys());
    Migration { from: store, to, to_name: "local:/new".to_owned(), holder: holder(), keys, clock, entropy }
}

fn target(place: &Place) -> Arc<LocalStore> {
    Arc::new(LocalStore::new(place.directory.path().join("new")))
}

fn home(place: &Place, store: Arc<dyn Store>) -> Home {
    Home::open(HomeCtx { store, ..place.ctx(place.keys()) }).expect("opens")
}

fn moved(place: &Place) -> Migrated {
    migrate(&migration(place, target(place))).expect("moved")
}

#[tokio::test]
async fn everything_is_there_afterwards() {
    let place = prepared().await;
    let before = place.read().load().expect("loads");
    let versions = place.read().history().expect("whole");
    let Migrated { objects, copied, stages, .. } = moved(&place);
    assert_eq!((objects - 1, stages), (copied, 2));
    let new = home(&place, target(&place));
    let mut open = new.open_stage(&stack(), &stage(), Access::Write(holder())).expect("free at once");
    assert_eq!(open.load().expect("loads"), before);
    assert_eq!(open.history().expect("whole"), versions);
    // Runs go on there.
    append(&mut open, [result(4, Some(secret_entry(4)))]).await;
    let state = open.load().expect("loads").state;
    let _ = open.compact(&state).expect("written");
    assert_eq!(target(&place).list("").expect("listed").iter().filter(|o| !o.key.contains('/')).count(), 1);
}

#[tokio::test]
async fn the_old_place_says_where_the_home_is() {
    let place = prepared().await;
    moved(&place);
    let error = place.home().open_stage(&stack(), &stage(), Access::Write(holder())).err().expect("refused");
    let OpenStageError::Home(OpenHomeError::Moved { moved, .. }) = &error else { panic!("{error}") };
    assert_eq!(moved.to, "local:/new");
    assert!(error.to_string().contains("has moved to `local:/new`"), "{error}");
    assert!(place.home().unlock(&stack(), &stage(), &holder()).is_err());
    // It can still be read, and says so itself.
    place.read().load().expect("loads");
    assert_eq!(place.home().moved().expect("readable").map(|moved| moved.to).as_deref(), Some("local:/new"));
    assert!(matches!(
        migrate(&migration(&place, Arc::new(LocalStore::new(place.directory.path().join("third"))))),
        Err(MigrateError::Home(OpenHomeError::Moved { .. }))
    ));
}

#[tokio::test]
async fn a_place_that_is_taken_is_refused() {
    let (place, other) = (prepared().await, prepared().await);
    let before = (place.lasting(), other.lasting());
    let taken = Arc::new(LocalStore::new(other.root()));
    assert!(matches!(migrate(&migration(&place, taken)), Err(MigrateError::Occupied(_))));
    let same = Arc::new(LocalStore::new(place.root()));
    assert!(matches!(migrate(&migration(&place, same)), Err(MigrateError::Same(_))));
    assert_eq!((place.lasting(), other.lasting()), before);
    let nothing = Place::new();
    assert!(matches!(migrate(&migration(&nothing, target(&nothing))), Err(MigrateError::NoHome(_))));
    assert!(!nothing.directory.path().join("new").exists());
}

#[tokio::test]
async fn a_run_is_waited_for_and_not_moved_under() {
    let place = prepared().await;
    let mut running = place.write();
    let error = migrate(&migration(&place, target(&place))).expect_err("locked");
    assert!(matches!(error, MigrateError::Stage(OpenStageError::Locked { .. })), "{error}");
    // The run goes on as if nothing had been, and others may begin.
    append(&mut running, [result(8, Some(plain_entry(8)))]).await;
    drop(running);
    place.write();
    moved(&place);
}

#[tokio::test]
async fn a_damaged_home_stays_where_it_is() {
    let place = prepared().await;
    std::fs::write(place.piece(), "").expect("changed");
    assert!(matches!(migrate(&migration(&place, target(&place))), Err(MigrateError::Load { .. })));
    assert_eq!(place.home().moved().expect("readable"), None);
}

/// A store in which something happens before each write, which may make it fail.
struct Watched<F> {
    inner: LocalStore,
    writes: AtomicUsize,
    before: F,
}

impl<F: Fn(usize) -> bool> Watched<F> {
    fn new(inner: LocalStore, before: F) -> Arc<Self> {
        Arc::new(Self { inner, writes: AtomicUsize::new(0), before })
    }

    fn count(&self) -> Result<(), StoreError> {
        if (self.before)(self.writes.fetch_add(1, Ordering::SeqCst)) {
            return Ok(());
        }
        Err(StoreError {
            action: "write",
            place: "nowhere".into(),
            trouble: Trouble::Lasting,
            hint: None,
            source: "the store fails".into(),
        })
    }
}

impl<F: Fn(usize) -> bool + Send + Sync> Store for Watched<F> {
    fn place(&self, key: &str) -> String {
        self.inner.place(key)
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        self.count()?;
        self.inner.create(key, bytes)
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.count()?;
        self.inner.replace(key, bytes)
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.count()?;
        self.inner.delete(keys)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix)
    }

    fn directory(&self) -> Option<&Path> {
        self.inner.directory()
    }
}

/// Who sets a secret has no lease: it moves with the home, or he is told.
#[tokio::test]
async fn a_secret_that_is_set_meanwhile_moves_or_is_refused() {
    let name = SecretName::new("password").expect("valid");
    let (mut carried, mut refused) = (0, 0);
    for at in 0.. {
        let place = prepared().await;
        let outcome: Arc<Mutex<Option<Result<(), SecretsError>>>> = Arc::default();
        let set = {
            let (old, name, outcome) = (place.home(), name.clone(), Arc::clone(&outcome));
            move |write| {
                if write == at {
                    let secrets = old.secrets(&stack(), &stage());
                    *outcome.lock().expect("whole") = Some(secrets.set(&name, "hunter2", &holder(), Overwrite::No));
                }
                true
            }
        };
        let to = Watched::new(LocalStore::new(target(&place).root().to_owned()), set);
        migrate(&migration(&place, to)).unwrap_or_else(|error| panic!("{at}: {error}"));
        let outcome = outcome.lock().expect("whole").take();
        // The migration has fewer writes than that.
        let Some(outcome) = outcome else { break };
        let new = home(&place, target(&place));
        let found = new.secrets(&stack(), &stage()).read().expect("reads");
        let found = found.get(&name).expect("opens");
        match outcome {
            Ok(()) => {
                assert_eq!(found.as_deref().map(String::as_str), Some("hunter2"), "{at}");
                carried += 1;
            }
            Err(SecretsError::Home(_)) => refused += 1,
            Err(error) => panic!("{at}: {error}"),
        }
    }
    assert!(carried > 0 && refused > 0, "{carried} {refused}");
    let place = prepared().await;
    moved(&place);
    let refused = place.home().change_keys(&KeyChange::Rotate);
    assert!(matches!(refused, Err(ReencryptError::Open(OpenStageError::Home(OpenHomeError::Moved { .. })))));
}

/// Cut off after every single write, the home is in one of the two places, whole, and a second attempt ends the move.
#[tokio::test]
async fn a_migration_that_is_cut_off_is_gone_on_with() {
    for writes in 0.. {
        let place = prepared().await;
        let before = place.read().load().expect("loads");
        // As a process that is killed.
        let to = Watched::new(LocalStore::new(target(&place).root().to_owned()), move |write| write < writes);
        let first = migrate(&migration(&place, to));
        let old = place.home().open_stage(&stack(), &stage(), Access::Write(holder()));
        match (&first, old) {
            (Err(_), Ok(mut open)) => {
                assert_eq!(open.load().expect("loads"), before);
                // The home goes on meanwhile: what was copied is old, or gone.
                append(&mut open, [result(6, Some(plain_entry(6)))]).await;
                let state = open.load().expect("loads").state;
                let _ = open.compact(&state).expect("written");
            }
            (_, Err(OpenStageError::Home(OpenHomeError::Moved { .. }))) => {}
            (_, Err(error)) => panic!("{writes}: {error}"),
            (Ok(_), Ok(_)) => panic!("{writes}: the old home takes writes"),
        }
        migrate(&migration(&place, target(&place))).unwrap_or_else(|error| panic!("{writes}: {error}"));
        let new = home(&place, target(&place));
        let loaded = new.open_stage(&stack(), &stage(), Access::Write(holder())).expect("free").load().expect("loads");
        assert!(loaded.state.resources.len() >= before.state.resources.len(), "{writes}");
        assert_eq!(loaded.in_flight, before.in_flight);
        if first.is_ok() {
            assert!(writes > 10, "{writes}");
            return;
        }
    }
}
