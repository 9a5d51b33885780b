//! Keys of AWS KMS, by servers that nobody here wrote: whoever the service lets decrypt opens the home, and what is said
//! when it does not. `tests/real/setup` installs the servers.

#[path = "support/servers.rs"]
mod servers;
mod support;

use std::sync::Arc;

use cofferdam_home::{
    AwsAccess, AwsKeys, AwsRole, Encryption, Home, KeyChange, KeyError, Keys, KmsSettings, KmsWrapper, Overwrite,
    SecretsError, WrapError, Wrapper,
};
use cofferdam_model::SecretName;
use servers::{Server, dead_address};
use support::{Place, holder, stack, stage};

const CONTEXT: [(&str, &str); 2] = [("cofferdam", "keyring"), ("keyring", "1")];
const KEY: &[u8; 32] = b"hunter2-is-a-key-of-32-bytes----";

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

fn wrapper(key: &str, access: AwsAccess) -> KmsWrapper {
    KmsWrapper::new(KmsSettings { key: key.to_owned(), access }).expect("a key")
}

/// Access to a server, in the region that an ARN names.
fn access(server: &Server) -> AwsAccess {
    AwsAccess { region: None, ..server.access() }
}

fn encryption(server: &Server, keys: &[&str]) -> Encryption {
    let wrappers = keys.iter().map(|key| Arc::new(wrapper(key, access(server))) as Arc<dyn Wrapper>);
    Encryption { wrappers: wrappers.collect(), ..Encryption::default() }
}

/// Somebody without an identity who names these keys.
fn somebody(place: &Place, server: &Server, keys: &[&str]) -> Home {
    let nobody = Keys::new(place.directory.path().join("nobody/identity.txt"));
    place.home_with(Keys { encryption: encryption(server, keys), ..nobody })
}

/// Somebody with the identity of the place who names these keys.
fn ada(place: &Place, server: &Server, keys: &[&str]) -> Home {
    place.home_with(Keys { encryption: encryption(server, keys), ..place.keys() })
}

fn hint(error: &WrapError) -> &str {
    error.hint.as_deref().unwrap_or_default()
}

#[test]
fn whom_the_service_lets_decrypt_opens_the_home() {
    let (server, place) = (Server::moto(), Place::new());
    let arn = server.make_kms_key();
    set(&somebody(&place, &server, &[&arn]), "first");
    let ring = somebody(&place, &server, &[]).keyring().expect("read").expect("there");
    assert!(ring.members.is_empty(), "nobody's own identity: {:?}", ring.members);
    assert_eq!(ring.wrappers, [format!("aws-kms:{arn}")]);
    assert!(!place.directory.path().join("nobody").exists(), "no identity was made");
    assert_eq!(get(&somebody(&place, &server, &[&arn])).expect("opens"), "first");

    let rotated = somebody(&place, &server, &[&arn]).change_keys(&KeyChange::Rotate).expect("rotated");
    assert_eq!(rotated.keys.len(), 2);
    set(&somebody(&place, &server, &[&arn]), "second");
    assert_eq!(get(&somebody(&place, &server, &[&arn])).expect("opens"), "second");

    let error = get(&somebody(&place, &server, &[])).expect_err("not set up");
    assert!(
        error.to_string().ends_with(&format!("is wrapped by `aws-kms:{arn}`, which is not set up here")),
        "{error}"
    );
    let text = error.hint().expect("a hint");
    assert!(text.contains(&format!("encryption = {{ kms = {{ key = \"{arn}\" }} }}")), "{text}");
    assert!(text.contains(&format!("cofferdam key remove-recipient aws-kms:{arn}")), "{text}");
}

#[test]
fn several_keys_and_people_open_beside_each_other() {
    let (server, place) = (Server::moto(), Place::new());
    let (first, second) = (server.make_kms_key(), server.make_kms_key());
    set(&place.home(), "value");
    ada(&place, &server, &[&first, &second])
        .change_keys(&KeyChange::Add { members: Vec::new(), passphrase: false })
        .expect("added");
    for keys in [&[first.as_str()][..], &[&second], &[&second, &first]] {
        assert_eq!(get(&somebody(&place, &server, keys)).expect("opens"), "value", "{keys:?}");
    }
    assert_eq!(get(&place.home()).expect("her identity"), "value");

    // To wrap anew takes all of them, to remove one takes the others.
    let error = ada(&place, &server, &[&first]).change_keys(&KeyChange::Rotate).expect_err("one is missing");
    assert!(error.to_string().contains(&format!("is wrapped by `aws-kms:{second}`, which is not")), "{error}");
    let remove = |key: &str| KeyChange::Remove {
        members: Vec::new(),
        passphrase: false,
        wrappers: vec![format!("aws-kms:{key}")],
    };
    ada(&place, &server, &[&first]).change_keys(&remove(&second)).expect("removed");
    let error = get(&somebody(&place, &server, &[&second])).expect_err("removed");
    assert!(matches!(error, KeyError::NoWrapper { .. }), "{error}");
    assert_eq!(get(&somebody(&place, &server, &[&first])).expect("opens"), "value");
    let error = ada(&place, &server, &[&first]).change_keys(&remove(&second)).expect_err("gone already");
    assert!(error.to_string().contains(&format!("are not wrapped for `aws-kms:{second}`")), "{error}");
    // Whoever has nothing but the key does not lock himself out.
    let error = somebody(&place, &server, &[&first]).change_keys(&remove(&first)).expect_err("locked out");
    assert!(error.to_string().contains("you would not open"), "{error}");
}

#[test]
fn what_is_wrapped_belongs_to_its_context_and_its_key() {
    let server = Server::moto();
    let (arn, other) = (server.make_kms_key(), server.make_kms_key());
    server.kms("CreateAlias", &format!(r#"{{"AliasName": "alias/homes", "TargetKeyId": "{arn}"}}"#));
    let wrapped = wrapper(&arn, access(&server)).wrap(KEY, &CONTEXT).expect("wrapped");
    assert!(!wrapped.windows(8).any(|window| window == &KEY[..8]), "encrypted");
    let unwrap = |key: &str, context: &[(&str, &str)], wrapped: &[u8]| {
        wrapper(key, server.access()).unwrap(wrapped, context).map(|key| key.to_vec())
    };
    assert_eq!(unwrap("alias/homes", &CONTEXT, &wrapped).expect("an alias"), KEY);
    let id = arn.rsplit('/').next().expect("an id");
    assert_eq!(unwrap(id, &CONTEXT, &wrapped).expect("an id"), KEY);

    let error = unwrap(&arn, &[("cofferdam", "keyring"), ("keyring", "2")], &wrapped).expect_err("another context");
    assert!(error.to_string().starts_with("InvalidCiphertextException"), "{error}");
    let mut changed = wrapped.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    assert!(hint(&unwrap(&arn, &CONTEXT, &changed).expect_err("changed")).contains("restore it from a backup"));
    unwrap(&other, &CONTEXT, &wrapped).expect_err("what another key has encrypted");
}

#[test]
fn a_key_that_is_gone_is_removed_by_whoever_opens_without_it() {
    let (server, place) = (Server::moto(), Place::new());
    let arn = server.make_kms_key();
    set(&place.home(), "value");
    let home = ada(&place, &server, &[&arn]);
    home.change_keys(&KeyChange::Add { members: Vec::new(), passphrase: false }).expect("added");
    drop(server);
    let server = Server::moto();
    let error = ada(&place, &server, &[&arn]).change_keys(&KeyChange::Rotate).expect_err("no such key");
    let cofferdam_home::ReencryptError::Key(error) = error else { panic!("{error}") };
    assert!(error.to_string().starts_with(&format!("`aws-kms:{arn}` does not wrap the keys in ")), "{error}");
    assert!(error.hint().expect("a hint").contains(&format!("cofferdam key remove-recipient aws-kms:{arn}")));
    let wrappers = vec![format!("aws-kms:{arn}")];
    let remove = KeyChange::Remove { members: Vec::new(), passphrase: false, wrappers };
    assert_eq!(place.home().change_keys(&remove).expect("removed").wrappers, Vec::<String>::new());
    assert_eq!(get(&place.home()).expect("opens"), "value");
}

#[test]
fn a_key_that_is_off_says_so() {
    let server = Server::ministack();
    let arn = server.make_kms_key();
    let of_key = |days: &str| format!(r#"{{"KeyId": "{arn}"{days}}}"#);
    let wrapped = wrapper(&arn, access(&server)).wrap(KEY, &CONTEXT).expect("wrapped");
    assert_eq!(*wrapper(&arn, access(&server)).unwrap(&wrapped, &CONTEXT).expect("unwrapped"), KEY);
    let refused = || wrapper(&arn, access(&server)).unwrap(&wrapped, &CONTEXT).expect_err("refused");
    server.kms("DisableKey", &of_key(""));
    let error = refused();
    assert!(error.to_string().starts_with("DisabledException"), "{error}");
    assert!(hint(&error).contains(&format!("aws kms enable-key --key-id {arn} --region us-east-1")), "{error:?}");
    server.kms("ScheduleKeyDeletion", &of_key(r#", "PendingWindowInDays": 7"#));
    let error = refused();
    assert!(error.to_string().starts_with("KMSInvalidStateException"), "{error}");
    assert!(hint(&error).contains("aws kms cancel-key-deletion"), "{error:?}");
    let missing = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let error = wrapper(missing, access(&server)).wrap(KEY, &CONTEXT).expect_err("no such key");
    assert!(error.to_string().starts_with("NotFoundException"), "{error}");
    assert!(hint(&error).contains("aws kms list-aliases --region us-east-1"), "{error:?}");
}

#[test]
fn permissions_and_signatures_are_checked() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Encrypt"],"Resource":"*"}]}"#;
    let (server, place) = (Server::moto_that_checks(|_| policy.to_owned()), Place::new());
    server.request("iam", "POST", "/moto-api/reset-auth", "1000");
    let arn = server.make_kms_key();
    server.request("iam", "POST", "/moto-api/reset-auth", "0");
    wrapper(&arn, access(&server)).wrap(KEY, &CONTEXT).expect("allowed");
    // A home that its maker could not open again is not made.
    let error = somebody(&place, &server, &[&arn])
        .secrets(&stack(), &stage())
        .set(&name(), "value", &holder(), Overwrite::No)
        .expect_err("not allowed");
    let SecretsError::Key(error) = error else { panic!("{error}") };
    assert!(error.to_string().starts_with(&format!("`aws-kms:{arn}` does not unwrap ")), "{error}");
    let text = error.hint().expect("a hint");
    assert!(text.starts_with(&format!("allow `kms:Decrypt` on `{arn}`")), "{text}");
    assert_eq!(somebody(&place, &server, &[]).keyring().expect("read"), None);

    let keys = server.access().keys.map(|keys| AwsKeys { secret: "hunter2-wrong".into(), ..keys });
    let wrong = wrapper(&arn, AwsAccess { keys, ..access(&server) }).wrap(KEY, &CONTEXT).expect_err("a wrong secret");
    // moto answers in XML here, which no client of this service reads: the status alone arrives.
    assert!(wrong.to_string().contains("status 403"), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
}

#[test]
fn a_role_is_taken_and_what_does_not_answer_is_said() {
    let server = Server::moto();
    let arn = server.make_kms_key();
    let role = |endpoint: String| AwsRole {
        arn: "arn:aws:iam::123456789012:role/deploy".into(),
        endpoint: Some(endpoint),
        ..AwsRole::default()
    };
    let taking = |endpoint| wrapper(&arn, AwsAccess { role: Some(role(endpoint)), ..access(&server) });
    let wrapped = taking(server.endpoint()).wrap(KEY, &CONTEXT).expect("wrapped");
    assert_eq!(*taking(server.endpoint()).unwrap(&wrapped, &CONTEXT).expect("unwrapped"), KEY);
    let dead = format!("http://{}", dead_address());
    let error = taking(dead.clone()).wrap(KEY, &CONTEXT).expect_err("no token service");
    assert_eq!(hint(&error), "look whether `arn:aws:iam::123456789012:role/deploy` may be taken: aws sts assume-role");
    let nobody = wrapper(&arn, AwsAccess { endpoint: Some(dead.clone()), ..access(&server) });
    let error = nobody.wrap(KEY, &CONTEXT).expect_err("nothing listens");
    assert_eq!(hint(&error), format!("nothing answers at {dead}: start the server, or correct `endpoint`"));
}
