//! Keys: made only for secrets, found again, and missed with a clear word.

mod support;

use std::error::Error as _;

use cofferdam_home::{Access, KeyError, Keys, LoadError, Passphrase, WriteError};
use support::{Place, append, holder, plain_entry, result, secret_entry, stack, stage};

fn refused(place: &Place, keys: Keys) -> KeyError {
    let mut stage = place.home_with(keys).open_stage(&stack(), &stage(), Access::Read).expect("opens");
    let error = stage.load().expect_err("refused");
    let key = match error {
        LoadError::Key(error) => Some(error),
        _ => None,
    };
    key.expect("an error about a key")
}

fn passphrase(place: &Place, text: &str) -> Keys {
    Keys { passphrase: Some(Passphrase::new(text.into()).with_work_factor(4)), ..place.keys() }
}

#[tokio::test]
async fn without_secrets_there_is_no_key() {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [result(0, Some(plain_entry(0)))]).await;
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    assert!(!place.identity().exists());
    assert!(!place.root().join("keys").exists());
}

#[tokio::test]
async fn a_missing_or_wrong_identity_is_named() {
    let place = Place::new();
    append(&mut place.write(), [result(0, Some(secret_entry(0)))]).await;
    let text = std::fs::read_to_string(place.identity()).expect("made");
    assert!(text.contains("# public key: age1") && text.contains("\nAGE-SECRET-KEY-1"));

    std::fs::remove_file(place.identity()).expect("removed");
    let error = refused(&place, place.keys());
    assert!(matches!(error, KeyError::NoIdentity { .. }), "{error}");
    assert!(error.to_string().contains(&place.identity().display().to_string()), "{error}");
    assert!(error.hint().is_some() && error.source().is_none());
    // No other identity is made in its place, not even for a new secret.
    append_fails(&place).await;
    assert!(!place.identity().exists());

    std::fs::write(place.identity(), "no identity: hunter2\n").expect("written");
    let error = refused(&place, place.keys());
    assert!(matches!(error, KeyError::BadIdentity(_)) && !error.to_string().contains("hunter2"), "{error}");

    let other = Place::new();
    append(&mut other.write(), [result(0, Some(secret_entry(0)))]).await;
    assert!(matches!(refused(&place, other.keys()), KeyError::WrongIdentity { .. }));

    // Beside another one, the right identity is found.
    let both = std::fs::read_to_string(other.identity()).expect("read") + &text;
    std::fs::write(place.identity(), both).expect("written");
    place.read().load().expect("loads");
}

async fn append_fails(place: &Place) {
    let mut stage = place.home().open_stage(&stack(), &stage(), Access::Write(holder())).expect("opens");
    assert!(matches!(stage.journal(), Err(WriteError::Load(LoadError::Key(_)))));
}

#[tokio::test]
async fn a_passphrase_opens_what_it_closed() {
    let place = Place::new();
    let home = place.home_with(passphrase(&place, "correct horse"));
    let mut open = home.open_stage(&stack(), &stage(), Access::Write(holder())).expect("opens");
    append(&mut open, [result(0, Some(secret_entry(0)))]).await;
    assert!(!place.identity().exists());
    let again = place.home_with(passphrase(&place, "correct horse"));
    let mut again = again.open_stage(&stack(), &stage(), Access::Read).expect("opens");
    assert_eq!(again.load().expect("loads").state, open.load().expect("loads").state);
    assert!(matches!(refused(&place, place.keys()), KeyError::NoPassphrase(_)));
    assert!(matches!(refused(&place, passphrase(&place, "wrong")), KeyError::WrongPassphrase(_)));
}

#[tokio::test]
async fn a_lost_or_changed_key_is_named() {
    let place = Place::new();
    append(&mut place.write(), [result(0, Some(secret_entry(0)))]).await;
    let files = place.files();
    let (path, bytes) =
        files.iter().find(|(path, _)| path.parent().is_some_and(|p| p.ends_with("keys"))).expect("a keyring");
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        std::fs::write(path, bad).expect("changed");
        refused(&place, place.keys());
    }
    std::fs::remove_file(path).expect("removed");
    let error = refused(&place, place.keys());
    assert!(matches!(&error, KeyError::NoKey { .. }) && error.to_string().contains("/keys/"), "{error}");
}

#[tokio::test]
async fn stages_that_begin_at_once_share_one_key() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for i in 0..8 {
            let place = &place;
            scope.spawn(move || {
                let name = cofferdam_model::StageName::new(format!("s{i}")).expect("valid");
                let home = place.home();
                let mut open = home.open_stage(&stack(), &name, Access::Write(holder())).expect("opens");
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
                runtime.block_on(append(&mut open, [result(0, Some(secret_entry(0)))]));
            });
        }
    });
    let keys = std::fs::read_dir(place.root().join("keys")).expect("listed").count();
    assert_eq!(keys, 1);
    for i in 0..8 {
        let name = cofferdam_model::StageName::new(format!("s{i}")).expect("valid");
        place.home().open_stage(&stack(), &name, Access::Read).expect("opens").load().expect("loads");
    }
}
