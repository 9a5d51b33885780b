//! A bucket behind a line that loses, delays, repeats and cuts off requests and answers, and a server that is busy:
//! a creation never says `Taken` of our own object nor `Made` of another's, and nothing is lost.

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;
#[path = "support/stores.rs"]
mod stores;

use std::sync::Mutex;

use cofferdam_home::store::{Created, S3Store, Store as _, Trouble};
use proxy::{Fault, Plan, Proxy};
use servers::Server;
use stores::patiently;

const LARGE: usize = 17 * 1024 * 1024;

fn through(proxy: &Proxy, server: &Server, prefix: &str) -> S3Store {
    S3Store::open(&server.settings_through(&proxy.endpoint(), prefix)).expect("opens")
}

#[test]
fn a_creation_says_what_came_of_it() {
    let server = Server::moto();
    let busy = Fault::Answer(503, "SlowDown");
    let conflict = Fault::Answer(409, "ConditionalRequestConflict");
    let refused = Fault::Answer(412, "PreconditionFailed");
    let cases: [&[Fault]; 12] = [
        &[Fault::LostRequest],
        &[Fault::LostAnswer],
        &[Fault::LostAnswer, Fault::LostAnswer],
        // More than the SDK itself tries.
        &[Fault::LostAnswer; 4],
        &[Fault::LostRequest; 4],
        &[Fault::Late],
        &[Fault::Twice],
        &[Fault::CutOff],
        &[busy, Fault::LostAnswer],
        &[conflict, conflict],
        &[refused],
        &[refused, Fault::LostAnswer],
    ];
    for (number, faults) in cases.into_iter().enumerate() {
        let proxy = Proxy::before(server.address(), Plan::script(&["PUT"], faults));
        let store = through(&proxy, &server, "script");
        let key = format!("a/{number}");
        assert_eq!(store.create(&key, b"ours").expect("answered"), Created::Made, "{faults:?}");
        assert!(proxy.faults() > 0, "{:?}", proxy.requests());
        proxy.heal();
        assert_eq!(store.get(&key).expect("read"), Some(b"ours".to_vec()), "{faults:?}");

        // The same where another has the name.
        let proxy = Proxy::before(server.address(), Plan::script(&["PUT"], faults));
        let store = through(&proxy, &server, "script");
        assert_eq!(store.create(&key, b"other").expect("answered"), Created::Taken, "{faults:?}");
        proxy.heal();
        assert_eq!(store.get(&key).expect("read"), Some(b"ours".to_vec()), "{faults:?}");
    }
}

#[test]
fn what_nobody_knows_is_said_to_be_unknown() {
    let server = Server::moto();
    let lost = Proxy::before(server.address(), Plan::script(&["GET", "PUT"], &[Fault::LostAnswer; 200]));
    let error = through(&lost, &server, "unknown").create("a/1", b"1").expect_err("no answer came");
    assert_eq!(error.trouble, Trouble::Passing);
    assert_eq!(server.store("unknown").get("a/1").expect("read"), Some(b"1".to_vec()), "it was made all the same");
    assert_eq!(server.store("unknown").create("a/1", b"1").expect("answered"), Created::Made);
}

#[test]
fn nothing_is_lost() {
    let server = Server::moto();
    for seed in 1..=2 {
        let proxy = Proxy::before(server.address(), Plan::Random { seed, percent: 20 });
        let prefix = format!("lost/{seed}");
        let store = through(&proxy, &server, &prefix);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..20 {
                        let key = format!("t{thread}/{number:010}");
                        let created = patiently(|| store.create(&key, key.as_bytes()));
                        assert_eq!(created, Created::Made, "{key} is ours");
                        let found = patiently(|| store.get(&key));
                        assert_eq!(found.as_deref(), Some(key.as_bytes()));
                    }
                    let listed = patiently(|| store.list(&format!("t{thread}/")));
                    assert_eq!(listed.len(), 20);
                });
            }
        });
        assert!(proxy.faults() > 30, "{} faults", proxy.faults());
        proxy.heal();
        assert_eq!(server.store(&prefix).list("").expect("listed").len(), 160);
    }
}

#[test]
fn every_number_has_one_winner() {
    let server = Server::moto();
    let proxy = Proxy::before(server.address(), Plan::Random { seed: 7, percent: 20 });
    // Each racer is a process of its own to the server.
    let stores: Vec<_> = (0..4).map(|_| through(&proxy, &server, "numbers")).collect();
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for racer in 0..32 {
            let (store, made) = (&stores[racer % 4], &made);
            scope.spawn(move || {
                for number in 1..=10 {
                    let bytes = format!("racer {racer}");
                    let key = format!("{number:010}.json");
                    if patiently(|| store.create(&key, bytes.as_bytes())) == Created::Made {
                        made.lock().expect("no panic").push((key, bytes));
                    }
                }
            });
        }
    });
    proxy.heal();
    let mut made = made.into_inner().expect("no panic");
    made.sort();
    let store = server.store("numbers");
    assert_eq!(made.len(), 10, "each number has one winner: {made:?}");
    for (key, bytes) in &made {
        assert_eq!(store.get(key).expect("read").as_deref(), Some(bytes.as_bytes()), "{key}");
    }
    assert_eq!(store.list("").expect("listed").len(), 10);
    assert!(proxy.faults() > 30, "{} faults", proxy.faults());
}

#[test]
fn an_object_that_was_cut_off_is_read_again() {
    let server = Server::moto();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(300_000).collect();
    server.store("cut").replace("a/1", &bytes).expect("replaced");
    let proxy = Proxy::before(server.address(), Plan::script(&["GET"], &[Fault::CutOff, Fault::CutOff]));
    assert_eq!(through(&proxy, &server, "cut").get("a/1").expect("read"), Some(bytes));
    let proxy = Proxy::before(server.address(), Plan::script(&["GET"], &[Fault::CutOff; 50]));
    let error = through(&proxy, &server, "cut").get("a/1").expect_err("never whole");
    assert_eq!(error.trouble, Trouble::Passing, "{}", error.source);
}

#[test]
fn credentials_that_expired_are_read_anew_once() {
    let server = Server::moto();
    let expired = Fault::Answer(400, "ExpiredToken");
    let proxy = Proxy::before(server.address(), Plan::script(&["PUT"], &[expired]));
    assert_eq!(through(&proxy, &server, "expired").create("a/1", b"1").expect("created"), Created::Made);
    let proxy = Proxy::before(server.address(), Plan::script(&["PUT"], &[expired; 2]));
    let error = through(&proxy, &server, "expired").create("a/2", b"1").expect_err("still expired");
    assert_eq!(error.trouble, Trouble::Lasting);
    assert!(error.hint.expect("a hint").starts_with("the credentials have expired: sign in again"));
}

#[test]
fn large_objects_survive_lost_answers() {
    let server = Server::moto();
    let large = vec![7; LARGE];
    // Beginning, then beginning and completion of the check of the server, then the completion.
    for (number, faults) in [
        [Fault::None, Fault::None, Fault::None, Fault::LostAnswer],
        [Fault::None, Fault::None, Fault::None, Fault::LostRequest],
        [Fault::LostAnswer, Fault::None, Fault::None, Fault::None],
    ]
    .into_iter()
    .enumerate()
    {
        let proxy = Proxy::before(server.address(), Plan::script(&["POST"], &faults));
        let store = through(&proxy, &server, "large");
        let key = format!("a/{number}");
        assert_eq!(store.create(&key, &large).expect("created"), Created::Made, "{faults:?}");
        assert!(store.get(&key).expect("read").expect("there") == large, "{faults:?}");
    }
    let proxy = Proxy::before(server.address(), Plan::script(&["POST"], &[Fault::None, Fault::LostAnswer]));
    through(&proxy, &server, "large").replace("a/0", &large[1..]).expect("replaced");
    assert!(server.store("large").get("a/0").expect("read").expect("there") == large[1..]);
}

#[test]
fn an_upload_that_failed_leaves_nothing() {
    let server = Server::moto();
    let denied = Fault::Answer(403, "AccessDenied");
    let proxy = Proxy::before(server.address(), Plan::script(&["PUT"], &[Fault::None, denied]));
    let error = through(&proxy, &server, "failed").create("a/1", &vec![7; LARGE]).expect_err("denied");
    assert_eq!((error.action, error.trouble), ("create", Trouble::Lasting));
    assert_eq!(server.store("failed").list("").expect("listed"), []);
    assert!(!server.request("s3", "GET", "/homes?uploads", "").contains("<UploadId>"), "no upload is left");
}

#[test]
fn removal_and_listing_survive_faults() {
    let server = Server::moto();
    let names: Vec<String> = (0..200).map(|number| format!("a/{number:03}")).collect();
    let direct = server.store("removal");
    std::thread::scope(|scope| {
        for some in names.chunks(50) {
            let direct = &direct;
            scope.spawn(move || some.iter().for_each(|name| direct.replace(name, b"1").expect("replaced")));
        }
    });
    let proxy = Proxy::before(server.address(), Plan::Random { seed: 3, percent: 20 });
    let store = through(&proxy, &server, "removal");
    let found: Vec<String> = patiently(|| store.list("a/")).into_iter().map(|listed| listed.key).collect();
    assert_eq!(found, names);
    assert_eq!(patiently(|| store.get_many(&names)).iter().flatten().count(), 200);
    // A server that knows no batches.
    let proxy = Proxy::before(server.address(), Plan::script(&["POST"], &[Fault::Answer(501, "NotImplemented")]));
    through(&proxy, &server, "removal").delete(&names[..100]).expect("removed one by one");
    assert_eq!(direct.list("a/").expect("listed").len(), 100);
    patiently(|| store.delete(&names));
    assert_eq!(direct.list("a/").expect("listed"), []);
}
