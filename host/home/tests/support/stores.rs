//! What every store promises, as cases that run against any of them; and a store in memory that proves the cases.

#![allow(clippy::panic, reason = "an expectation that fails ends the test")]
#![allow(dead_code, reason = "every test binary uses a part")]

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use cofferdam_home::Entropy;
use cofferdam_home::store::{Created, Listed, Store, StoreError, probe};

/// A case; the store is empty when it begins.
pub type Case = fn(&dyn Store);

/// Hands the names of all cases to a macro, behind arguments of its own.
macro_rules! with_cases {
    ($macro:ident!($($argument:tt)*)) => {
        $macro! {
            ($($argument)*)
            what_is_not_there_is_none
            what_was_created_is_read
            a_name_is_given_once
            the_same_bytes_are_ours
            one_of_fifty_creators_wins
            a_name_is_free_again_after_removal
            replacing_shows_the_old_or_the_new
            many_are_read_in_order
            removal_is_idempotent
            listings_are_sorted_and_below_their_prefix
            listings_are_whole
            ages_grow
            large_and_empty_objects
            names_of_every_kind
            the_probe_is_content
        }
    };
}

macro_rules! table {
    (() $($case:ident)*) => { &[$((stringify!($case), $case as Case)),*] };
}

/// Every case with its name.
pub const CASES: &[(&str, Case)] = with_cases!(table!());

pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}

/// Asks until there is an answer: trouble that may pass does.
pub fn patiently<T>(mut ask: impl FnMut() -> Result<T, StoreError>) -> T {
    let mut tries = 0;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) if error.trouble == cofferdam_home::store::Trouble::Passing && tries < 20 => tries += 1,
            Err(error) => panic!("{error}: {}", error.source),
        }
    }
}

fn keys(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.key.as_str()).collect()
}

fn make(store: &dyn Store, key: &str, bytes: &[u8]) {
    assert_eq!(store.create(key, bytes).expect("created"), Created::Made, "{key}");
}

fn read(store: &dyn Store, key: &str) -> Vec<u8> {
    store.get(key).expect("read").unwrap_or_else(|| panic!("{key} is there"))
}

pub fn what_is_not_there_is_none(store: &dyn Store) {
    assert_eq!(store.get("a/none").expect("read"), None);
    assert_eq!(store.list("a/").expect("listed"), []);
    make(store, "a/b/c", b"1");
    assert_eq!(store.get("a/b").expect("read"), None, "part of a name is no name");
    assert!(!store.is_abandoned("a/b/c"));
    assert!(store.place("a/b/c").ends_with("a/b/c"), "{}", store.place("a/b/c"));
}

pub fn what_was_created_is_read(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    make(store, "home.json", &every_byte);
    assert_eq!(read(store, "home.json"), every_byte);
}

pub fn a_name_is_given_once(store: &dyn Store) {
    make(store, "a/1", b"first");
    assert_eq!(store.create("a/1", b"second").expect("answered"), Created::Taken);
    // Neither the same length nor the same beginning makes it ours.
    assert_eq!(store.create("a/1", b"firsT").expect("answered"), Created::Taken);
    assert_eq!(store.create("a/1", b"first ").expect("answered"), Created::Taken);
    assert_eq!(store.create("a/1", b"").expect("answered"), Created::Taken);
    assert_eq!(read(store, "a/1"), b"first");
}

pub fn the_same_bytes_are_ours(store: &dyn Store) {
    for bytes in [b"bytes".as_slice(), b""] {
        let key = format!("a/{}", bytes.len());
        make(store, &key, bytes);
        make(store, &key, bytes);
        assert_eq!(read(store, &key), bytes);
    }
}

pub fn one_of_fifty_creators_wins(store: &dyn Store) {
    for round in 0..3 {
        let key = format!("race/{round}");
        let start = Barrier::new(50);
        let made: Vec<String> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..50)
                .map(|racer| {
                    let (key, start) = (&key, &start);
                    scope.spawn(move || {
                        let bytes = format!("racer {racer}");
                        start.wait();
                        let created = store.create(key, bytes.as_bytes()).expect("answered");
                        (created == Created::Made).then_some(bytes)
                    })
                })
                .collect();
            racers.into_iter().filter_map(|racer| racer.join().expect("ends")).collect()
        });
        let [winner] = made.as_slice() else { panic!("{} creators won: {made:?}", made.len()) };
        assert_eq!(read(store, &key), winner.as_bytes());
    }
}

pub fn a_name_is_free_again_after_removal(store: &dyn Store) {
    make(store, "a/1", b"first");
    store.delete(&["a/1".to_owned()]).expect("removed");
    make(store, "a/1", b"second");
    assert_eq!(read(store, "a/1"), b"second");
}

pub fn replacing_shows_the_old_or_the_new(store: &dyn Store) {
    let content = |number: u8| vec![number; 100_000];
    store.replace("a/1", &content(0)).expect("replaced");
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (1..=20).for_each(|number| store.replace("a/1", &content(number)).expect("replaced")));
        let mut last = 0;
        while !writer.is_finished() {
            let found = read(store, "a/1");
            let number = *found.first().expect("never empty");
            assert_eq!(found, content(number), "a reader sees a whole object");
            assert!(number >= last, "a reader sees no older object than before");
            last = number;
        }
    });
    assert_eq!(read(store, "a/1"), content(20));
}

pub fn many_are_read_in_order(store: &dyn Store) {
    let names: Vec<String> = (0..100).map(|number| format!("a/{number}")).collect();
    for name in names.iter().step_by(2) {
        make(store, name, name.as_bytes());
    }
    let found = store.get_many(&names).expect("read");
    let expected: Vec<_> =
        names.iter().enumerate().map(|(i, name)| (i % 2 == 0).then(|| name.as_bytes().to_vec())).collect();
    assert_eq!(found, expected);
    assert_eq!(store.get_many(&[]).expect("read"), Vec::<Option<Vec<u8>>>::new());
}

pub fn removal_is_idempotent(store: &dyn Store) {
    for key in ["a/1", "a/2", "b/1"] {
        make(store, key, b"1");
    }
    let names = ["a/1", "a/none", "a/2"].map(str::to_owned);
    for _ in 0..2 {
        store.delete(&names).expect("removed");
        store.delete(&names[..1]).expect("removed");
        store.delete(&[]).expect("removed");
        assert_eq!(store.get("a/1").expect("read"), None);
        assert_eq!(store.list("a/").expect("listed"), []);
    }
    assert_eq!(keys(&store.list("b/").expect("listed")), ["b/1"]);
}

pub fn listings_are_sorted_and_below_their_prefix(store: &dyn Store) {
    for key in ["b/1", "a/10", "a/9", "a/b/c/d", "a-b/1", "a/B", "a.json", "ab/1"] {
        make(store, key, key.as_bytes());
    }
    let listed = store.list("a/").expect("listed");
    assert_eq!(keys(&listed), ["a/10", "a/9", "a/B", "a/b/c/d"]);
    let lengths: Vec<u64> = listed.iter().map(|listed| listed.bytes).collect();
    assert_eq!(lengths, [4, 3, 3, 7]);
    assert_eq!(keys(&store.list("a/b/").expect("listed")), ["a/b/c/d"]);
    assert_eq!(store.list("a/b/c/d/").expect("listed"), []);
}

pub fn listings_are_whole(store: &dyn Store) {
    let names: Vec<String> = (0..1100).map(|number| format!("many/{number:010}.json")).collect();
    std::thread::scope(|scope| {
        for some in names.chunks(100) {
            scope.spawn(move || some.iter().for_each(|name| make(store, name, b"x")));
        }
    });
    assert_eq!(keys(&store.list("many/").expect("listed")), names);
    store.delete(&names).expect("removed");
    assert_eq!(store.list("many/").expect("listed"), []);
}

pub fn ages_grow(store: &dyn Store) {
    make(store, "a/lease/1.json", b"1");
    let age = || {
        let listed = store.list("a/lease/").expect("listed");
        listed[0].age.expect("this store tells")
    };
    assert!(age() < Duration::from_secs(20), "it is young");
    wait_until(|| age() >= Duration::from_secs(2));
    store.replace("a/lease/1.json", b"2").expect("replaced");
    assert!(age() <= Duration::from_secs(1), "it is young again");
}

fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("waited for 20 s");
}

pub fn large_and_empty_objects(store: &dyn Store) {
    // Not the same in any two places, so that parts in the wrong order are seen.
    let large: Vec<u8> = (0..5_u32 * 1024 * 1024).flat_map(|number| number.to_le_bytes()).collect();
    make(store, "a/large", &large);
    assert!(read(store, "a/large") == large, "the large object is whole");
    assert_eq!(store.create("a/large", &large[1..]).expect("answered"), Created::Taken);
    make(store, "a/large", &large);
    store.replace("a/large", &large[4..]).expect("replaced");
    assert!(read(store, "a/large") == large[4..], "the replaced object is whole");
    make(store, "a/empty", b"");
    assert_eq!(read(store, "a/empty"), b"");
    let lengths: Vec<u64> = store.list("a/").expect("listed").iter().map(|listed| listed.bytes).collect();
    assert_eq!(lengths, [0, 20 * 1024 * 1024 - 4]);
}

pub fn names_of_every_kind(store: &dyn Store) {
    let parts = [
        "0000000001.json",
        "1-ab.age",
        "...",
        ".hidden",
        "a b",
        "a+b",
        "a%2Fb",
        "a&b<c>\"d'",
        "a=b?c#d",
        "(a)[b]{c}!$*,;:@~^`|",
        "a\\b",
        "ä-日本-🦀",
        "x".repeat(200).leak(),
    ];
    let mut names: Vec<String> =
        parts.iter().flat_map(|part| [format!("k/{part}"), format!("k/{part}-d/{part}")]).collect();
    for name in &names {
        make(store, name, name.as_bytes());
    }
    for name in &names {
        assert_eq!(read(store, name), name.as_bytes());
        assert_eq!(store.create(name, b"other").expect("answered"), Created::Taken, "{name}");
    }
    names.sort();
    assert_eq!(keys(&store.list("k/").expect("listed")), names);
    store.delete(&names).expect("removed");
    assert_eq!(store.list("k/").expect("listed"), []);
}

pub fn the_probe_is_content(store: &dyn Store) {
    if let Err(error) = probe(store, &SystemEntropy) {
        panic!("{error}");
    }
    assert_eq!(store.list("probe/").expect("listed"), [], "nothing is left");
}

/// Objects in memory, with a clock that listings move on.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, (Vec<u8>, u32)>>,
    clock: Mutex<u32>,
    /// Whether creation looks first and writes later, as stores that cannot hold a home do.
    pub careless: bool,
}

impl Store for Memory {
    fn place(&self, key: &str) -> String {
        format!("memory/{key}")
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.objects.lock().expect("no panic").get(key).map(|(bytes, _)| bytes.clone()))
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        let written = *self.clock.lock().expect("no panic");
        let mut objects = self.objects.lock().expect("no panic");
        if let Some((found, _)) = objects.get(key) {
            return Ok(if found == bytes { Created::Made } else { Created::Taken });
        }
        if self.careless {
            drop(objects);
            std::thread::yield_now();
            objects = self.objects.lock().expect("no panic");
        }
        objects.insert(key.to_owned(), (bytes.to_vec(), written));
        Ok(Created::Made)
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let written = *self.clock.lock().expect("no panic");
        self.objects.lock().expect("no panic").insert(key.to_owned(), (bytes.to_vec(), written));
        Ok(())
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.objects.lock().expect("no panic").retain(|key, _| !keys.contains(key));
        Ok(())
    }

    /// A listing takes a second of this store's time.
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let mut now = self.clock.lock().expect("no panic");
        *now += 1;
        let objects = self.objects.lock().expect("no panic");
        let below = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(below
            .map(|(key, (bytes, written))| Listed {
                key: key.clone(),
                bytes: bytes.len() as u64,
                age: Some(Duration::from_secs(u64::from(*now - written))),
            })
            .collect())
    }
}
