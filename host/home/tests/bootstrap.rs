//! Preparations of scopes: once, whoever asks and whatever happens meanwhile.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use cofferdam_home::store::{Created, Hold, Listed, LocalStore, Store, StoreError, Trouble};
use cofferdam_home::{Bootstrap, BootstrapError, BootstrapStatus, Holder, HomeCtx, Prepared, Watch};
use cofferdam_model::bootstrap::{BootstrapScope, BootstrapStep, Preparer, StepCall, StepDone, StepFault};
use cofferdam_model::error::{ErrorKind, ProviderError};
use serde_json::{Map, Value, json};
use support::{Place, holder};

type Object = Map<String, Value>;

/// An account whose objects a test can look at: each step makes one.
#[derive(Default)]
struct Account {
    /// By step, the operations that made it, in their order.
    made: Mutex<BTreeMap<String, Vec<String>>>,
    at_once: AtomicUsize,
}

struct Three {
    account: Arc<Account>,
    steps: Vec<BootstrapStep>,
    fail: Option<(&'static str, ErrorKind)>,
    pending: bool,
}

impl Three {
    fn new(account: &Arc<Account>) -> Self {
        let step = |name: &str| BootstrapStep { name: name.into(), title: format!("make {name}"), revision: 1 };
        let steps = ["state", "assets", "policy"].map(step).to_vec();
        Self { account: Arc::clone(account), steps, fail: None, pending: false }
    }

    fn objects(call: &str) -> Object {
        let Value::Object(object) = json!({ (call): format!("{call}-1") }) else { unreachable!("an object") };
        object
    }
}

impl Preparer for Three {
    fn steps(&self) -> &[BootstrapStep] {
        &self.steps
    }

    fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        assert_eq!(self.account.at_once.fetch_add(1, Ordering::SeqCst), 0, "two at one scope");
        let before = self.steps.iter().take_while(|step| step.name != call.step);
        assert!(before.clone().all(|step| call.record.contains_key(&step.name)), "{:?}", call.record);
        let mut made = self.account.made.lock().expect("whole");
        made.entry(call.step.to_owned()).or_default().push(call.operation.to_string());
        drop(made);
        self.account.at_once.fetch_sub(1, Ordering::SeqCst);
        if let Some((step, kind)) = self.fail
            && step == call.step
        {
            return Err(ProviderError::new(kind, "the service refuses"));
        }
        if self.pending && call.attempt < 3 {
            return Ok(StepDone::Pending { poll_after_ms: 1, note: "not yet".into() });
        }
        Ok(StepDone::Done(Self::objects(call.step)))
    }

    fn verify(&self, record: &Object) -> Result<Vec<StepFault>, ProviderError> {
        let made = self.account.made.lock().expect("whole");
        let lost = self.steps.iter().filter(|step| record.contains_key(&step.name) && !made.contains_key(&step.name));
        Ok(lost
            .map(|step| StepFault { step: Some(step.name.clone()), what: format!("`{}` is gone", step.name) })
            .collect())
    }

    fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        self.account.made.lock().expect("whole").remove(call.step);
        Ok(StepDone::Done(Object::new()))
    }
}

#[derive(Default)]
struct Watched {
    stop: AtomicBool,
    waited: AtomicUsize,
    begun: Mutex<Vec<String>>,
}

impl Watch for Watched {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time.min(Duration::from_millis(20)));
    }

    fn waits(&self, _: Option<&Holder>) {
        self.waited.fetch_add(1, Ordering::SeqCst);
    }

    fn would(&self, _: &[BootstrapStep]) {}

    fn begins(&self, step: &BootstrapStep) {
        self.begun.lock().expect("whole").push(step.name.clone());
    }

    fn done(&self, _: &BootstrapStep) {}
}

fn scope() -> BootstrapScope {
    BootstrapScope {
        provider: "acme".into(),
        authority: "acme.test".into(),
        account: "42".into(),
        region: "north".into(),
        namespace: "default".into(),
    }
}

fn bootstrap(place: &Place, store: Arc<dyn Store>) -> Bootstrap {
    let HomeCtx { clock, entropy, .. } = place.ctx(place.keys());
    Bootstrap::new(store, clock, entropy, scope(), Duration::from_secs(5)).expect("a scope")
}

fn local(place: &Place) -> Arc<LocalStore> {
    Arc::new(LocalStore::new(place.root()))
}

fn prepare(place: &Place, preparer: &Three) -> Result<Prepared, BootstrapError> {
    bootstrap(place, local(place)).prepare(preparer, &holder(), &Watched::default())
}

fn once(account: &Account) -> bool {
    let made = account.made.lock().expect("whole");
    made.len() == 3 && made.values().all(|operations| operations.len() == 1)
}

#[test]
fn steps_are_done_in_order_and_once() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let prepared = prepare(&place, &Three::new(&account)).expect("prepared");
    assert_eq!((prepared.steps, prepared.record.status), (3, BootstrapStatus::Ready));
    assert_eq!(
        Value::Object(prepared.record.output()),
        json!({"state":"state-1","assets":"assets-1","policy":"policy-1"})
    );
    let again = prepare(&place, &Three::new(&account)).expect("prepared");
    assert_eq!((again.steps, &again.record), (0, &prepared.record));
    assert!(once(&account));
}

#[test]
fn many_at_once_prepare_it_once() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let (barrier, steps) = (Barrier::new(20), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                barrier.wait();
                let prepared = prepare(&place, &Three::new(&account)).expect("prepared");
                assert_eq!(prepared.record.status, BootstrapStatus::Ready);
                steps.fetch_add(prepared.steps, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(steps.load(Ordering::SeqCst), 3);
    assert!(once(&account));
}

#[test]
fn a_step_that_failed_is_repeated_in_the_same_operation() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let failing = Three { fail: Some(("assets", ErrorKind::AccessDenied)), ..Three::new(&account) };
    let error = prepare(&place, &failing).expect_err("fails");
    assert_eq!(error.to_string(), "could not prepare acme account 42 in north of acme.test: step `assets`");
    assert_eq!(error.to_provider_error().kind, ErrorKind::AccessDenied);
    let record = bootstrap(&place, local(&place)).read().expect("readable").expect("a record");
    assert_eq!(record.status, BootstrapStatus::Preparing);
    assert!(record.steps[0].done.is_some() && record.steps[1].done.is_none());
    assert_eq!(prepare(&place, &Three::new(&account)).expect("prepared").steps, 2);
    let made = account.made.lock().expect("whole");
    assert_eq!(made["state"].len(), 1);
    assert_eq!(made["assets"].len(), 2);
    assert_eq!(made["assets"][0], made["assets"][1]);
}

#[test]
fn a_step_that_takes_long_is_called_again() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let pending = Three { pending: true, ..Three::new(&account) };
    assert_eq!(prepare(&place, &pending).expect("prepared").steps, 3);
    let made = account.made.lock().expect("whole");
    assert!(made.values().all(|operations| operations.len() == 3 && operations[0] == operations[2]));
}

#[test]
fn a_stop_ends_between_steps() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let watch = Watched { stop: true.into(), ..Watched::default() };
    let result = bootstrap(&place, local(&place)).prepare(&Three::new(&account), &holder(), &watch);
    assert!(matches!(result, Err(BootstrapError::Stopped)));
    assert!(account.made.lock().expect("whole").is_empty());
    prepare(&place, &Three::new(&account)).expect("free again");
}

#[test]
fn a_new_step_and_a_new_revision_are_done_and_nothing_else() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let mut preparer = Three::new(&account);
    let last = preparer.steps.pop().expect("a step");
    prepare(&place, &preparer).expect("prepared");
    preparer.steps.push(last);
    preparer.steps[0].revision = 2;
    let watch = Watched::default();
    let prepared = bootstrap(&place, local(&place)).prepare(&preparer, &holder(), &watch).expect("prepared");
    assert_eq!(prepared.record.status, BootstrapStatus::Ready);
    assert_eq!(*watch.begun.lock().expect("whole"), ["state", "policy"]);
}

#[test]
fn what_is_gone_is_found_and_repaired() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let (preparer, watch) = (Three::new(&account), Watched::default());
    prepare(&place, &preparer).expect("prepared");
    let here = bootstrap(&place, local(&place));
    assert_eq!(here.verify(&preparer).expect("looks"), []);
    account.made.lock().expect("whole").remove("assets");
    let faults = here.verify(&preparer).expect("looks");
    assert_eq!(faults, [StepFault { step: Some("assets".into()), what: "`assets` is gone".into() }]);
    assert_eq!(here.repair(&preparer, &holder(), &watch).expect("repaired"), faults);
    assert_eq!(*watch.begun.lock().expect("whole"), ["assets"]);
    assert_eq!(here.verify(&preparer).expect("looks"), []);
    assert_eq!(here.read().expect("readable").expect("a record").status, BootstrapStatus::Ready);
}

#[test]
fn destroyed_it_leaves_nothing() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let (preparer, watch) = (Three::new(&account), Watched::default());
    let here = bootstrap(&place, local(&place));
    assert!(matches!(here.destroy(&preparer, &holder(), &watch), Err(BootstrapError::NotPrepared(_))));
    prepare(&place, &preparer).expect("prepared");
    assert_eq!(here.destroy(&preparer, &holder(), &watch).expect("destroyed"), 3);
    assert!(account.made.lock().expect("whole").is_empty());
    assert!(here.read().expect("readable").is_none());
    prepare(&place, &preparer).expect("prepared anew");
    assert!(once(&account));
}

#[test]
fn a_record_of_a_newer_program_and_a_damaged_one_are_refused() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    prepare(&place, &Three::new(&account)).expect("prepared");
    let record = place.files().into_keys().filter(|path| path.iter().any(|part| part == "record")).max();
    let record = record.expect("a record");
    let text = std::fs::read_to_string(&record).expect("read");
    std::fs::write(&record, text.replacen("{\"v\":1", "{\"v\":2", 1)).expect("written");
    assert!(matches!(prepare(&place, &Three::new(&account)), Err(BootstrapError::Newer(_))));
    std::fs::write(&record, text.replacen("state-1", "state-9", 1)).expect("written");
    assert!(matches!(prepare(&place, &Three::new(&account)), Err(BootstrapError::Damaged(_))));
    assert!(once(&account));
}

/// A store that fails for good after so many writes, as a process that is killed.
struct Failing {
    inner: LocalStore,
    left: AtomicUsize,
}

impl Failing {
    fn count(&self) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| StoreError {
            action: "write",
            place: "nowhere".into(),
            trouble: Trouble::Lasting,
            hint: None,
            source: "the store fails".into(),
        })
    }
}

impl Store for Failing {
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

    fn hold(&self, key: &str) -> Result<Option<Box<dyn Hold>>, StoreError> {
        self.inner.hold(key)
    }
}

/// Cut off after every single write: the next run ends the preparation, in the same operations, and repeats at most the
/// step that was cut off.
#[test]
fn a_preparation_that_is_cut_off_is_gone_on_with() {
    for writes in 0.. {
        let (place, account) = (Place::new(), Arc::<Account>::default());
        let store = Arc::new(Failing { inner: LocalStore::new(place.root()), left: writes.into() });
        let first = bootstrap(&place, store).prepare(&Three::new(&account), &holder(), &Watched::default());
        let second = prepare(&place, &Three::new(&account)).unwrap_or_else(|error| panic!("{writes}: {error}"));
        assert_eq!(second.record.status, BootstrapStatus::Ready, "{writes}");
        let made = account.made.lock().expect("whole");
        assert_eq!(made.len(), 3);
        let repeated = made.values().filter(|operations| operations.len() > 1);
        assert!(repeated.clone().count() <= 1, "{writes}: {made:?}");
        assert!(repeated.flatten().all(|operation| made.values().flatten().filter(|o| *o == operation).count() == 2));
        if first.is_ok() {
            assert!(writes > 7, "{writes}");
            return;
        }
    }
}

/// Whoever looks does not always know which step it was: then each is done again, in another operation.
#[test]
fn a_fault_of_no_step_repeats_all() {
    struct Vague(Three);

    impl Preparer for Vague {
        fn steps(&self) -> &[BootstrapStep] {
            self.0.steps()
        }

        fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
            self.0.perform(call)
        }

        fn verify(&self, record: &Object) -> Result<Vec<StepFault>, ProviderError> {
            let faults = self.0.verify(record)?;
            Ok(faults.into_iter().map(|fault| StepFault { step: None, ..fault }).collect())
        }

        fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
            self.0.undo(call)
        }
    }

    let (place, account) = (Place::new(), Arc::<Account>::default());
    let (preparer, watch) = (Vague(Three::new(&account)), Watched::default());
    let here = bootstrap(&place, local(&place));
    here.prepare(&preparer, &holder(), &watch).expect("prepared");
    account.made.lock().expect("whole").remove("assets");
    assert_eq!(here.repair(&preparer, &holder(), &watch).expect("repaired").len(), 1);
    let made = account.made.lock().expect("whole");
    assert_eq!(made["assets"].len(), 1);
    assert!(made["state"].len() == 2 && made["state"][0] != made["state"][1], "{:?}", made["state"]);
}

#[test]
fn records_are_listed_each_once() {
    let (place, account) = (Place::new(), Arc::<Account>::default());
    let store = local(&place);
    assert!(Bootstrap::all(&*store).expect("listed").is_empty());
    prepare(&place, &Three::new(&account)).expect("prepared");
    let other = BootstrapScope { region: "south".into(), ..scope() };
    let HomeCtx { clock, entropy, .. } = place.ctx(place.keys());
    let there = Bootstrap::new(store.clone(), clock, entropy, other.clone(), Duration::from_secs(5)).expect("a scope");
    there.prepare(&Three::new(&Arc::default()), &holder(), &Watched::default()).expect("prepared");
    let found: Vec<_> =
        Bootstrap::all(&*store).expect("listed").into_iter().map(|record| record.expect("whole")).collect();
    assert_eq!(found.iter().map(|record| &record.scope).collect::<Vec<_>>(), [&scope(), &other]);
    // One whose name is another scope's is not believed.
    let listed = store.list(&format!("bootstrap/{}/record/", scope().id())).expect("listed");
    let last = listed.last().expect("a record").key.clone();
    let bytes = store.get(&last).expect("readable").expect("a record");
    store.replace(&last.replace(&scope().id(), "acme-east-0123456789abcdef"), &bytes).expect("written");
    let found = Bootstrap::all(&*store).expect("listed");
    assert_eq!(found.iter().filter(|record| matches!(record, Err(BootstrapError::Damaged(_)))).count(), 1);
    assert_eq!(found.len(), 3);
}
