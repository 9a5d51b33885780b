//! Secrets of a stage: kept, listed without values, never lost by others' changes, bound to their place.

mod support;

use std::path::PathBuf;

use cofferdam_home::{Holder, Home, MAX_SECRET_BYTES, Overwrite, SecretsError};
use cofferdam_model::{SecretName, StageName};
use support::{Place, holder, stack, stage};

fn name(text: &str) -> SecretName {
    SecretName::new(text).expect("valid")
}

fn set(home: &Home, text: &str, value: &str) {
    home.secrets(&stack(), &stage()).set(&name(text), value, &holder(), Overwrite::No).expect("set");
}

fn get(home: &Home, text: &str) -> Result<Option<String>, SecretsError> {
    let found = home.secrets(&stack(), &stage()).read()?.get(&name(text))?;
    Ok(found.map(|value| value.to_string()))
}

fn latest(place: &Place) -> PathBuf {
    place.objects("secrets").pop().expect("a list")
}

#[test]
fn values_come_back_and_are_nowhere_in_clear() {
    let place = Place::new();
    let home = place.home();
    let long = "x".repeat(MAX_SECRET_BYTES);
    let values =
        [("a", ""), ("b", "hunter2-value"), ("c", "ends in \u{80}\0\0"), ("d", "two\nlines\n"), ("e", long.as_str())];
    for (key, value) in values {
        set(&home, key, value);
    }
    let again = place.home();
    for (key, value) in values {
        assert_eq!(get(&again, key).expect("opens").as_deref(), Some(value));
    }
    assert_eq!(get(&again, "none").expect("reads"), None);
    let listed: Vec<_> = again.secrets(&stack(), &stage()).read().expect("reads").iter().collect();
    assert_eq!(listed.iter().map(|info| info.bytes_at_most).collect::<Vec<_>>(), [31, 31, 31, 31, 65567]);
    assert_eq!(listed[1].made.by.user, "ada");
    for (path, bytes) in place.files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hunter2"), "{}", path.display());
    }
}

#[test]
fn a_secret_is_replaced_and_removed_and_few_lists_are_kept() {
    let place = Place::new();
    let home = place.home();
    for i in 0..20 {
        set(&home, "a", &format!("value {i}"));
    }
    assert_eq!(get(&home, "a").expect("opens").as_deref(), Some("value 19"));
    assert_eq!(place.objects("secrets").len(), 6);
    let secrets = home.secrets(&stack(), &stage());
    assert!(secrets.remove(&name("a"), Overwrite::No).expect("removed"));
    assert!(!secrets.remove(&name("a"), Overwrite::No).expect("not there"));
    assert_eq!(get(&home, "a").expect("reads"), None);
}

#[test]
fn what_is_too_long_is_refused() {
    let place = Place::new();
    let home = place.home();
    let secrets = home.secrets(&stack(), &stage());
    let long = "x".repeat(MAX_SECRET_BYTES + 1);
    let error = secrets.set(&name("a"), &long, &holder(), Overwrite::No).expect_err("refused");
    assert!(matches!(error, SecretsError::TooLong { bytes: 65537, .. }) && error.hint().is_some(), "{error}");
    assert!(place.files().is_empty());
    for i in 0..15 {
        set(&home, &format!("n{i}"), &long[1..]);
    }
    let error = secrets.set(&name("n16"), &long[1..], &holder(), Overwrite::No).expect_err("refused");
    assert!(matches!(error, SecretsError::TooMany(_)), "{error}");
}

#[test]
fn sixteen_writers_lose_nothing() {
    let place = Place::new();
    // Each with a home of its own, as processes have.
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let place = &place;
            scope.spawn(move || {
                let home = place.home();
                for i in 0..8 {
                    set(&home, &format!("t{thread}-{i}"), &format!("value {thread} {i}"));
                }
            });
        }
    });
    let home = place.home();
    for thread in 0..16 {
        for i in 0..8 {
            let value = get(&home, &format!("t{thread}-{i}")).expect("opens");
            assert_eq!(value, Some(format!("value {thread} {i}")));
        }
    }
}

/// Of all that set one secret at one time without `force`, each is told whether it counts.
#[test]
fn the_same_secret_set_by_two_is_a_conflict() {
    let place = Place::new();
    set(&place.home(), "a", "before");
    let outcomes: Vec<Result<(), SecretsError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|thread| {
                let place = &place;
                scope.spawn(move || {
                    let by = Holder { user: format!("user-{thread}"), ..holder() };
                    let home = place.home();
                    home.secrets(&stack(), &stage()).set(&name("a"), &format!("{thread}"), &by, Overwrite::No)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(outcomes.iter().any(Result::is_ok));
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(error, SecretsError::Conflict { by: Some(_), .. }), "{error}");
        assert!(error.to_string().contains("set by `deploy` of user-"), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn damage_is_named_and_the_list_before_counts_without_it() {
    let place = Place::new();
    let home = place.home();
    set(&home, "a", "first");
    set(&home, "a", "second");
    let path = latest(&place);
    let good = std::fs::read(&path).expect("read");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).expect("changed");
        let error = get(&home, "a").expect_err("damaged");
        let named = error.to_string().contains(&path.display().to_string());
        assert!(named && error.hint().is_some(), "{at}: {error}");
    }
    std::fs::write(&path, b"").expect("emptied");
    assert!(matches!(get(&home, "a"), Err(SecretsError::Damaged(_))));
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(get(&home, "a").expect("opens").as_deref(), Some("first"));
}

#[test]
fn a_value_opens_only_under_its_name_and_in_its_stage() {
    let place = Place::new();
    let home = place.home();
    set(&home, "a", "value a");
    set(&home, "b", "value b");
    let path = latest(&place);
    let text = std::fs::read_to_string(&path).expect("read");
    let elsewhere = place.root().join("stacks/shop/prod/secrets");
    std::fs::create_dir_all(&elsewhere).expect("made");
    std::fs::write(elsewhere.join(path.file_name().expect("a name")), &text).expect("copied");
    let prod = StageName::new("prod").expect("valid");
    assert!(matches!(home.secrets(&stack(), &prod).read(), Err(SecretsError::Damaged(_))));

    // With the values of two secrets exchanged and the checksum made anew.
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let value = |name: &str| json["body"]["secrets"][name]["value"].as_str().expect("text").to_owned();
    let (_, body) = text.split_once(r#""body":"#).expect("a body");
    let body = body.strip_suffix('}').expect("an object").replace(&value("a"), "A").replace(&value("b"), &value("a"));
    let body = body.replace(r#""value":"A""#, &format!(r#""value":"{}""#, value("b")));
    use sha2::Digest as _;
    let sum = hex::encode(sha2::Sha256::digest(&body));
    std::fs::write(&path, format!(r#"{{"v":1,"sum":"{sum}","body":{body}}}"#)).expect("written");
    for key in ["a", "b"] {
        let error = get(&home, key).expect_err("does not open");
        assert!(matches!(error, SecretsError::Damaged(_)), "{error}");
    }
}
