//! Whom the keys of a home are wrapped for: each kind opens, others are named, and whoever is removed reads nothing
//! new.

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cofferdam_home::{
    Access, Encryption, Home, KeyChange, KeyError, Keys, Overwrite, Passphrase, Recipient, Recovery, Role,
    SecretsError, WrapError, Wrapper,
};
use cofferdam_model::SecretName;
use support::{Place, append, holder, result, secret_entry, stack, stage};

const SSH_DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ssh");

fn ssh(file: &str) -> PathBuf {
    Path::new(SSH_DIRECTORY).join(file)
}

fn public(file: &str) -> Recipient {
    let text = std::fs::read_to_string(ssh(&format!("{file}.pub"))).expect("read");
    text.parse().expect("a recipient")
}

fn name() -> SecretName {
    SecretName::new("a").expect("valid")
}

fn set(home: &Home, value: &str) {
    home.secrets(&stack(), &stage()).set(&name(), value, &holder(), Overwrite::No).expect("set");
}

fn get(home: &Home) -> Result<String, KeyError> {
    let read = || home.secrets(&stack(), &stage()).read()?.get(&name());
    match read() {
        Err(SecretsError::Key(error)) => Err(error),
        read => Ok(read.expect("reads").expect("there").to_string()),
    }
}

/// Keys of a user who has nothing but these files.
fn stranger(place: &Place, identities: &[PathBuf]) -> Keys {
    Keys { identities: identities.to_vec(), ..Keys::new(place.directory.path().join("nobody/identity.txt")) }
}

fn with(place: &Place, encryption: Encryption) -> Home {
    place.home_with(Keys { encryption, ..place.keys() })
}

/// Another user's age identity; the file and the public key.
fn other(place: &Place, user: &str) -> (PathBuf, Recipient) {
    let elsewhere = Place::new();
    set(&elsewhere.home(), "");
    let text = std::fs::read_to_string(elsewhere.identity()).expect("made");
    let path = place.directory.path().join(format!("{user}.txt"));
    std::fs::write(&path, &text).expect("written");
    let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a public key");
    (path, public.parse().expect("a recipient"))
}

#[test]
fn every_kind_of_recipient_opens() {
    let place = Place::new();
    let (bob, bob_public) = other(&place, "bob");
    let recipients = vec![bob_public, public("ed25519"), public("rsa")];
    set(&with(&place, Encryption { recipients, ..Encryption::default() }), "value");

    assert_eq!(get(&place.home()).expect("the user's own"), "value");
    for file in [bob, ssh("ed25519"), ssh("rsa")] {
        let home = place.home_with(stranger(&place, std::slice::from_ref(&file)));
        assert_eq!(get(&home).expect("opens"), "value", "{}", file.display());
    }
    // SSH keys in their usual places need not be named.
    let usual = Keys { ssh: vec![ssh("none"), ssh("ed25519")], ..stranger(&place, &[]) };
    assert_eq!(get(&place.home_with(usual)).expect("opens"), "value");
    // A file that holds nothing does not matter where another one opens.
    let bad = place.directory.path().join("bad.txt");
    std::fs::write(&bad, "hunter2").expect("written");
    assert_eq!(get(&place.home_with(stranger(&place, &[bad, ssh("rsa")]))).expect("opens"), "value");
}

#[test]
fn an_encrypted_ssh_key_needs_its_passphrase() {
    let place = Place::new();
    set(&with(&place, Encryption { recipients: vec![public("locked")], ..Encryption::default() }), "value");
    let keys = stranger(&place, &[ssh("locked")]);
    let error = get(&place.home_with(keys.clone())).expect_err("locked");
    assert!(matches!(&error, KeyError::LockedIdentity(path) if *path == ssh("locked")), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("COFFERDAM_IDENTITY_PASSPHRASE")));
    for (text, opens) in [("wrong", false), ("correct horse", true)] {
        let keys = Keys { identity_passphrase: Some(Passphrase::new(text.into())), ..keys.clone() };
        assert_eq!(get(&place.home_with(keys)).is_ok(), opens, "{text}");
    }
}

#[test]
fn who_cannot_open_is_told_who_can() {
    let place = Place::new();
    set(&with(&place, Encryption { recipients: vec![public("ed25519")], ..Encryption::default() }), "value");
    let (mallory, _) = other(&place, "mallory");
    let error = get(&place.home_with(stranger(&place, std::slice::from_ref(&mallory)))).expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, KeyError::WrongIdentity { .. }), "{text}");
    assert!(text.contains(&mallory.display().to_string()) && text.contains("`ssh-ed25519 (test)`"), "{text}");
    let error = get(&place.home_with(stranger(&place, &[]))).expect_err("refused");
    assert!(matches!(error, KeyError::NoIdentity { .. }), "{error}");
    let error = get(&place.home_with(stranger(&place, &[place.directory.path().join("none")]))).expect_err("refused");
    assert!(matches!(error, KeyError::NoIdentityFile(_)), "{error}");
}

#[test]
fn a_passphrase_beside_recipients_opens_too() {
    let place = Place::new();
    let passphrase = || Some(Passphrase::new("correct horse".into()).with_work_factor(4));
    let encryption = Encryption { passphrase: true, ..Encryption::default() };
    let home = with(&place, encryption.clone());
    let error =
        home.secrets(&stack(), &stage()).set(&name(), "value", &holder(), Overwrite::No).expect_err("no passphrase");
    assert!(matches!(error, SecretsError::Key(KeyError::NoPassphrase(_))), "{error}");
    set(&place.home_with(Keys { passphrase: passphrase(), encryption, ..place.keys() }), "value");
    assert_eq!(get(&place.home()).expect("by the identity"), "value");
    let by_passphrase = Keys { passphrase: passphrase(), ..stranger(&place, &[]) };
    assert_eq!(get(&place.home_with(by_passphrase)).expect("by the passphrase"), "value");
    // Changes wrap the keys anew for everybody, so that the passphrase is needed then.
    let error = place.home().change_keys(&KeyChange::Rotate).expect_err("no passphrase");
    assert!(error.to_string().contains("needs a passphrase"), "{error}");
    let wrong = Keys { passphrase: Some(Passphrase::new("wrong".into())), ..place.keys() };
    let error = place.home_with(wrong).change_keys(&KeyChange::Rotate).expect_err("another passphrase");
    assert!(error.to_string().contains("the passphrase does not open"), "{error}");
}

#[test]
fn the_recovery_key_is_told_once_and_opens_everything() {
    let place = Place::new();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let telling = Arc::clone(&told);
    let recovery = Recovery::Made(Arc::new(move |key| telling.lock().expect("whole").push(key.secret().to_string())));
    let home = with(&place, Encryption { recovery: recovery.clone(), ..Encryption::default() });
    set(&home, "first");
    // Later keys are wrapped for it, too, also by those who were never told of it.
    place.home().change_keys(&KeyChange::Rotate).expect("rotated");
    set(&place.home(), "second");
    set(&with(&place, Encryption { recovery, ..Encryption::default() }), "third");
    let told = told.lock().expect("whole");
    let [secret] = &told[..] else { panic!("told {} times", told.len()) };
    let file = place.directory.path().join("recovery.txt");
    std::fs::write(&file, secret).expect("written");
    assert_eq!(get(&place.home_with(stranger(&place, &[file]))).expect("opens"), "third");
    let roles: Vec<Role> =
        place.home().keyring().expect("read").expect("there").members.iter().map(|member| member.role).collect();
    assert_eq!(roles, [Role::Member, Role::Recovery]);
    for (path, bytes) in place.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{}", path.display());
    }
}

#[test]
fn whoever_is_added_opens_and_whoever_is_removed_opens_nothing_new() {
    let place = Place::new();
    let home = place.home();
    set(&home, "before");
    let (bob, bob_public) = other(&place, "bob");
    let as_bob = || place.home_with(stranger(&place, std::slice::from_ref(&bob)));
    assert!(get(&as_bob()).is_err());
    let add = KeyChange::Add { members: vec![(bob_public.clone(), Role::Member)], passphrase: false };
    let revision = home.change_keys(&add).expect("added").revision;
    assert_eq!(get(&as_bob()).expect("opens"), "before");
    // To add somebody who is there changes nothing.
    assert_eq!(home.change_keys(&add).expect("there already").revision, revision);

    // One who has opened it keeps what he knows, in memory as well as on paper.
    let still_open = as_bob();
    assert_eq!(get(&still_open).expect("opens"), "before");
    let remove = KeyChange::Remove { members: vec![bob_public], passphrase: false, wrappers: Vec::new() };
    let ring = home.change_keys(&remove).expect("removed");
    assert_eq!(ring.keys.iter().map(|key| key.number).collect::<Vec<_>>(), [1, 2]);
    set(&home, "after");
    assert!(matches!(get(&as_bob()), Err(KeyError::WrongIdentity { .. })));
    assert!(matches!(get(&still_open), Err(KeyError::WrongIdentity { .. })));
    assert_eq!(get(&place.home()).expect("opens"), "after");
    assert_eq!(std::fs::read_dir(place.root().join("keys")).expect("listed").count(), 1);
    let error = home.change_keys(&remove).expect_err("no member");
    assert!(error.to_string().contains("are not wrapped for `age1"), "{error}");
}

#[test]
fn nobody_locks_himself_out() {
    let place = Place::new();
    let home = place.home();
    set(&home, "value");
    let own = home.keyring().expect("read").expect("there").members[0].recipient.clone();
    let remove = KeyChange::Remove { members: vec![own], passphrase: false, wrappers: Vec::new() };
    let error = home.change_keys(&remove).expect_err("refused");
    assert!(error.to_string().contains("nobody would open"), "{error}");
    let add = KeyChange::Add { members: vec![(public("ed25519"), Role::Member)], passphrase: false };
    home.change_keys(&add).expect("added");
    let error = home.change_keys(&remove).expect_err("refused");
    assert!(error.to_string().contains("you would not open"), "{error}");
    assert_eq!(get(&place.home()).expect("opens"), "value");
}

/// Wraps by adding the bytes of its context; good enough to see what is asked of it.
struct Adding;

impl Adding {
    fn pad(context: &[(&str, &str)]) -> u8 {
        context.iter().flat_map(|(key, value)| key.bytes().chain(value.bytes())).fold(7, u8::wrapping_add)
    }
}

impl Wrapper for Adding {
    fn id(&self) -> String {
        "adding:1".into()
    }

    fn wrap(&self, key: &[u8], context: &[(&str, &str)]) -> Result<Vec<u8>, WrapError> {
        Ok(key.iter().map(|byte| byte.wrapping_add(Self::pad(context))).collect())
    }

    fn unwrap(&self, wrapped: &[u8], context: &[(&str, &str)]) -> Result<zeroize::Zeroizing<Vec<u8>>, WrapError> {
        let key = wrapped.iter().map(|byte| byte.wrapping_sub(Self::pad(context))).collect();
        Ok(zeroize::Zeroizing::new(key))
    }
}

#[test]
fn a_service_opens_what_it_wrapped() {
    let place = Place::new();
    let encryption = Encryption { wrappers: vec![Arc::new(Adding)], ..Encryption::default() };
    set(&place.home(), "value");
    with(&place, encryption.clone())
        .change_keys(&KeyChange::Add { members: Vec::new(), passphrase: false })
        .expect("added");
    let by_service = || place.home_with(Keys { encryption: encryption.clone(), ..stranger(&place, &[]) });
    assert_eq!(get(&by_service()).expect("opens"), "value");
    by_service().change_keys(&KeyChange::Rotate).expect("rotated");
    assert_eq!(get(&place.home()).expect("opens"), "value");
    let error = place.home().change_keys(&KeyChange::Rotate).expect_err("no service");
    assert!(error.to_string().contains("is wrapped by `adding:1`, which is not set up here"), "{error}");
}

#[tokio::test]
async fn a_changed_keyring_is_refused_wherever_it_was_changed() {
    let place = Place::new();
    append(&mut place.write(), [result(0, Some(secret_entry(0)))]).await;
    let path = place.files().into_keys().find(|path| path.parent().is_some_and(|p| p.ends_with("keys")));
    let path = path.expect("a keyring");
    let text = std::fs::read_to_string(&path).expect("read");
    // Somebody who can write the store, and makes the checksum anew, adds himself.
    let (_, bob) = other(&place, "bob");
    let (_, body) = text.split_once(r#""body":"#).expect("a body");
    let body = body.strip_suffix('}').expect("an object");
    let member = format!(r#""members":[{{"recipient":"{bob}","role":"member","since_ms":1}},"#);
    let body = body.replacen(r#""members":["#, &member, 1);
    use sha2::Digest as _;
    let sum = hex::encode(sha2::Sha256::digest(&body));
    std::fs::write(&path, format!(r#"{{"v":1,"sum":"{sum}","body":{body}}}"#)).expect("written");
    let mut stage = place.home().open_stage(&stack(), &stage(), Access::Read).expect("opens");
    let error = stage.load().expect_err("refused");
    assert!(error.to_string().contains("is no keyring, or was changed"), "{error}");
}
