//! Homes in buckets of servers that nobody here wrote: what every store promises, credentials, and what is said when
//! something is wrong. `tests/real/setup` installs the servers.

#![allow(clippy::panic, reason = "an expectation that fails ends the test")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;
#[path = "support/stores.rs"]
mod stores;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cofferdam_home::store::{Created, ProbeError, S3Settings, S3Store, Store as _, StoreError, Trouble, probe};
use cofferdam_home::{AwsAccess, AwsKeys, AwsRole};
use proxy::{Plan, Proxy};
use servers::{BUCKET, Server, dead_address};
use stores::{CASES, SystemEntropy};

#[expect(clippy::print_stdout, reason = "names the case that fails")]
fn keeps_every_promise(server: &Server) {
    for (name, case) in CASES {
        println!("{name}");
        case(&server.store(name));
    }
    // A whole bucket is a home as well.
    let whole = server.store("");
    assert_eq!(whole.create("home.json", b"1").expect("created"), Created::Made);
    assert!(whole.list("").expect("listed").iter().any(|listed| listed.key == "home.json"));
}

#[test]
fn moto_keeps_every_promise() {
    keeps_every_promise(&Server::moto());
}

#[test]
fn ministack_keeps_every_promise() {
    keeps_every_promise(&Server::ministack());
}

/// The negative control: a server that looks for an object and then writes.
#[test]
#[ignore = "needs s3s-fs, which make test-full installs"]
fn a_server_whose_conditions_do_not_hold_is_refused() {
    let server = Server::s3s();
    for round in 0..20 {
        let store = server.store(&format!("team/{round}"));
        let error = probe(&store, &SystemEntropy).expect_err("refused");
        let ProbeError::NotExclusive { place, seen } = error else { panic!("{error}") };
        assert_eq!(place, format!("s3://{BUCKET}/team/{round}"));
        println!("{seen}");
    }
}

#[test]
fn a_server_that_ignores_conditions_is_refused() {
    let server = Server::moto();
    let proxy = Proxy::before(server.address(), Plan::Deaf(&["PUT"]));
    let settings = server.settings_through(&proxy.endpoint(), "deaf");
    let error = probe(&S3Store::open(&settings).expect("opens"), &SystemEntropy).expect_err("refused");
    let text = "`s3://homes/deaf` cannot hold a home, because it does not give a name only once: a second creation of an \
                object succeeded";
    assert_eq!(error.to_string(), text);
    assert_eq!(server.store("deaf").list("probe/").expect("listed"), [], "nothing is left");
    // The same for the last step of a large object, which only a large object finds out.
    let proxy = Proxy::before(server.address(), Plan::Deaf(&["POST"]));
    let settings = server.settings_through(&proxy.endpoint(), "deaf");
    let store = S3Store::open(&settings).expect("opens");
    probe(&store, &SystemEntropy).expect("small objects are made once");
    let error = store.create("a/large", &vec![1; 17 * 1024 * 1024]).expect_err("refused");
    assert!(error.source.to_string().contains("against its condition"), "{}", error.source);
    assert_eq!(error.trouble, Trouble::Lasting);
    assert_eq!(server.store("deaf").list("").expect("listed"), [], "nothing is left");
    assert!(!server.request("s3", "GET", "/homes?uploads", "").contains("<UploadId>"), "no upload is left");
}

#[test]
fn permissions_and_signatures_are_checked() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],
                   "Resource":"arn:aws:s3:::homes/team/*"}]}"#;
    let server = Server::moto_that_checks(|_| policy.to_owned());
    let store = server.store("team");
    assert_eq!(store.create("a/1", b"1").expect("allowed"), Created::Made);
    assert_eq!(store.create("a/1", b"2").expect("allowed"), Created::Taken);
    assert_eq!(store.get("a/1").expect("allowed"), Some(b"1".to_vec()));

    let error = store.list("a/").expect_err("not allowed");
    assert_eq!(hint(&error), "allow `s3:ListBucket` on `arn:aws:s3:::homes`");
    assert_eq!(error.to_string(), "could not list `s3://homes/team/a/`");
    let error = server.store("other").create("a/1", b"1").expect_err("not allowed");
    let text = "allow `s3:PutObject` and `s3:AbortMultipartUpload` on `arn:aws:s3:::homes/other/*`";
    assert_eq!((hint(&error), error.trouble), (text, Trouble::Lasting));
    assert!(error.source.to_string().starts_with("AccessDenied: "), "{}", error.source);

    let mut settings = server.settings("team");
    settings.access.keys = settings.access.keys.map(|keys| AwsKeys { secret: "hunter2".into(), ..keys });
    let error = S3Store::open(&settings).expect("opens").get("a/1").expect_err("a wrong secret");
    assert!(hint(&error).starts_with("the server does not know these credentials"), "{}", hint(&error));
    let text = format!("{error:?}");
    assert!(!text.contains("hunter2") && !text.to_lowercase().contains("signature="), "{text}");
}

#[test]
fn a_role_is_taken() {
    let server = Server::moto();
    let arn = "arn:aws:iam::123456789012:role/deploy";
    let role = AwsRole {
        arn: arn.into(),
        external_id: Some("team".into()),
        endpoint: Some(server.endpoint()),
        session_name: None,
    };
    let taking = |role: AwsRole| {
        let access = AwsAccess { role: Some(role), ..server.access() };
        S3Store::open(&S3Settings { access, ..server.settings("role") }).expect("opens")
    };
    let proxy = Proxy::before(server.address(), Plan::script(&[], &[]));
    let store = taking(AwsRole { endpoint: Some(proxy.endpoint()), ..role.clone() });
    for number in 0..3 {
        assert_eq!(store.create(&format!("a/{number}"), b"1").expect("created"), Created::Made);
    }
    assert_eq!(proxy.requests().len(), 1, "the role's credentials are kept: {:?}", proxy.requests());

    let dead = format!("http://{}", dead_address());
    let store = taking(AwsRole { endpoint: Some(dead), ..role });
    let error = store.get("a/1").expect_err("no token service");
    assert_eq!(hint(&error), format!("look whether `{arn}` may be taken: aws sts assume-role"));
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::moto();
    let store = S3Store::open(&S3Settings { bucket: "nowhere".into(), ..server.settings("team") }).expect("opens");
    let text = "correct the name of the bucket, or make it: aws s3 mb s3://nowhere --region us-east-1";
    let errors = [
        store.get("a/1").expect_err("no bucket"),
        store.create("a/1", b"1").expect_err("no bucket"),
        store.replace("a/1", b"1").expect_err("no bucket"),
        store.list("a/").expect_err("no bucket"),
        store.delete(&["a/1".to_owned(), "a/2".to_owned()]).expect_err("no bucket"),
        store.create("a/1", &vec![1; 17 * 1024 * 1024]).expect_err("no bucket"),
    ];
    let actions = ["read", "create", "replace", "list", "delete", "create"];
    for (error, action) in errors.iter().zip(actions) {
        assert_eq!((hint(error), error.action, error.trouble), (text, action, Trouble::Lasting), "{}", error.source);
    }

    let endpoint = format!("http://{}", dead_address());
    let store = S3Store::open(&server.settings_through(&endpoint, "team")).expect("opens");
    let error = store.create("a/1", b"1").expect_err("nothing listens");
    assert_eq!(hint(&error), format!("nothing answers at {endpoint}: start the server, or correct `endpoint`"));
    assert_eq!(error.trouble, Trouble::Passing);

    let endpoint = server.endpoint().replace("http:", "https:");
    let store = S3Store::open(&server.settings_through(&endpoint, "team")).expect("opens");
    let error = store.get("a/1").expect_err("no TLS");
    assert!(error.source.to_string().to_lowercase().contains("corrupt message"), "{}", error.source);

    let store = S3Store::open(&server.settings_through("http://no-such-host.invalid", "team")).expect("opens");
    let error = store.get("a/1").expect_err("no such host");
    assert_eq!(hint(&error), "correct `endpoint` (http://no-such-host.invalid)", "{}", error.source);

    let settings = server.settings_through("http://me:hunter2@host", "team");
    let error = S3Store::open(&settings).err().expect("refused");
    assert_eq!(error.to_string(), "could not open `s3://homes/team/`");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn a_store_can_be_dropped_anywhere() {
    let server = Server::moto();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
    let store = server.store("team");
    assert_eq!(store.create("a/1", b"1").expect("created"), Created::Made);
    runtime.block_on(async move { drop(store) });
}

/// Runs a test of this file in a process whose environment is given.
fn in_environment(test: &str, endpoint: &str, directory: &Path, environment: &[(&str, &str)]) -> String {
    std::fs::write(directory.join("endpoint"), endpoint).expect("written");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", test])
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .expect("runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn credentials_are_found_where_the_command_line_of_aws_finds_them() {
    let (server, directory) = (Server::moto(), tempfile::tempdir().expect("temporary directory"));
    let run = |environment: &[(&str, &str)]| in_environment("child", &server.endpoint(), directory.path(), environment);
    let none = run(&[]);
    assert!(none.contains("none: hint: looked at AWS_ACCESS_KEY_ID, the default profile"), "{none}");
    assert!(none.contains("profile: hint: profile `team` of ~/.aws/config and ~/.aws/credentials has none"), "{none}");
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDTEST"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let found = run(&keys);
    assert!(found.contains("none: Made"), "{found}");
    assert!(found.contains("profile: hint: profile `team`"), "a profile that was named is the one: {found}");
    std::fs::create_dir(directory.path().join(".aws")).expect("made");
    let profile = "[team]\naws_access_key_id = AKIDTEST\naws_secret_access_key = hunter2\n";
    std::fs::write(directory.path().join(".aws/credentials"), profile).expect("written");
    let found = run(&[]);
    assert!(found.contains("none: hint: looked at") && found.contains("profile: Made"), "{found}");
    std::fs::write(
        directory.path().join("program"),
        "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKIDTEST\", \
                    \"SecretAccessKey\": \"hunter2\"}'\n",
    )
    .expect("written");
    let program = format!("[profile team]\ncredential_process = /bin/sh {}/program\n", directory.path().display());
    std::fs::write(directory.path().join(".aws/config"), program).expect("written");
    std::fs::remove_file(directory.path().join(".aws/credentials")).expect("there");
    let found = run(&[]);
    assert!(found.contains("profile: Made"), "{found}");
}

#[test]
fn credentials_are_renewed_before_they_end() {
    let (server, directory) = (Server::moto(), tempfile::tempdir().expect("temporary directory"));
    // The SDK asks again when ten seconds are left.
    let program = "#!/bin/sh\necho >> calls\nends=$(date -u -d '+12 seconds' +%FT%TZ)\necho '{\"Version\": 1, \
                   \"AccessKeyId\": \"AKIDTEST\", \"SecretAccessKey\": \"hunter2\", \"SessionToken\": \"hunter3\", \
                   \"Expiration\": \"'$ends'\"}'\n";
    std::fs::write(directory.path().join("program"), program).expect("written");
    std::fs::create_dir(directory.path().join(".aws")).expect("made");
    let profile = format!("[profile team]\ncredential_process = /bin/sh {}/program\n", directory.path().display());
    std::fs::write(directory.path().join(".aws/config"), profile).expect("written");
    let path = [("PATH", "/usr/bin:/bin")];
    let said = in_environment("child_that_goes_on", &server.endpoint(), directory.path(), &path);
    assert!(said.contains("asked 2 times"), "{said}");
}

#[test]
#[ignore = "another test starts it"]
fn child_that_goes_on() {
    let Some(store) = store_of_child(Some("team")) else { return };
    let asked = || std::fs::read_to_string("calls").map_or(0, |calls| calls.lines().count());
    for number in 0..1000 {
        assert_eq!(store.create(&format!("a/{number}"), b"1").expect("created"), Created::Made);
        if asked() >= 2 {
            println!("asked 2 times");
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A store whose credentials are those of the environment and of a profile; none in no child.
fn store_of_child(profile: Option<&str>) -> Option<S3Store> {
    let access = AwsAccess {
        profile: profile.map(str::to_owned),
        endpoint: Some(std::fs::read_to_string("endpoint").ok()?),
        ..AwsAccess::default()
    };
    let settings = S3Settings { bucket: BUCKET.to_owned(), access, path_style: true, ..S3Settings::default() };
    Some(S3Store::open(&settings).expect("opens"))
}

#[test]
#[ignore = "another test starts it"]
fn child() {
    for (name, profile) in [("none", None), ("profile", Some("team"))] {
        let Some(store) = store_of_child(profile) else { return };
        match store.create(&format!("env/{name}"), b"1") {
            Ok(created) => println!("{name}: {created:?}"),
            Err(error) => println!("{name}: hint: {} ({error}: {})", hint(&error), error.source),
        }
    }
}

fn hint(error: &StoreError) -> &str {
    error.hint.as_deref().unwrap_or_else(|| panic!("a hint: {error}: {}", error.source))
}
