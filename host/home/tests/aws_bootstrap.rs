//! The preparation of AWS accounts against servers that nobody here wrote: made once, adopted, verified, repaired,
//! destroyed.

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;
mod support;

use std::sync::Mutex;
use std::time::Duration;

use cofferdam_home::store::{PreparedStore, Store as _};
use cofferdam_home::{
    AwsAccess, AwsBootstrap, AwsBootstrapSettings, AwsKeys, BootstrapCtx, BootstrapError, BootstrapStatus, Holder,
    HomeCtx, Permissions, Prepared, Watch,
};
use cofferdam_model::bootstrap::{BootstrapStep, Looked};
use cofferdam_model::error::{ErrorKind, ProviderError};
use proxy::{Plan, Proxy};
use servers::Server;
use support::{Place, holder};

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Watch for Told {
    fn is_stopped(&self) -> bool {
        false
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time.min(Duration::from_millis(50)));
    }

    fn waits(&self, _: Option<&Holder>) {}

    fn would(&self, _: &[BootstrapStep]) {}

    fn begins(&self, step: &BootstrapStep) {
        self.0.lock().expect("whole").push(step.name.clone());
    }

    fn done(&self, _: &BootstrapStep) {}
}

fn settings(server: &Server, region: &str) -> AwsBootstrapSettings {
    let access = AwsAccess { region: Some(region.to_owned()), ..server.access() };
    AwsBootstrapSettings { access, path_style: true, ..AwsBootstrapSettings::default() }
}

fn ctx() -> BootstrapCtx {
    let place = Place::new();
    let HomeCtx { clock, entropy, .. } = place.ctx(place.keys());
    BootstrapCtx { clock, entropy }
}

fn open(server: &Server, region: &str) -> AwsBootstrap {
    AwsBootstrap::open(settings(server, region), ctx()).expect("an account")
}

fn prepare(bootstrap: &AwsBootstrap) -> Result<Prepared, BootstrapError> {
    bootstrap.prepare(&holder(), &Told::default())
}

/// The buckets of the server that are not the test's own.
fn buckets(server: &Server) -> Vec<String> {
    let listed = server.request("s3", "GET", "/", "");
    let names = listed.split("<Name>").skip(1).filter_map(|rest| rest.split('<').next());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("cofferdam-")).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

fn everything(server: &Server) {
    let first = open(server, "us-east-1");
    assert_eq!(first.identity().account.len(), 12);
    assert!(matches!(first.look().expect("looks"), Looked::Missing(steps) if steps.len() == 4));
    assert!(buckets(server).is_empty(), "looking makes nothing");
    let told = Told::default();
    let prepared = first.prepare(&holder(), &told).expect("prepared");
    assert_eq!((prepared.steps, prepared.record.status), (4, BootstrapStatus::Ready));
    assert_eq!(*told.0.lock().expect("whole"), ["state-bucket", "state-settings", "assets-bucket", "assets-settings"]);
    let names = [first.asset_bucket(), first.state_bucket()];
    assert_eq!(buckets(server), names);
    let output = prepared.record.output();
    assert_eq!(
        (&output["state_bucket"], &output["asset_bucket"]),
        (&names[1].clone().into(), &names[0].clone().into())
    );
    // Another process adopts it.
    let second = open(server, "us-east-1");
    assert_eq!(prepare(&second).expect("adopted"), Prepared { steps: 0, ..prepared.clone() });
    assert!(matches!(second.look().expect("looks"), Looked::Ready(found) if found == output));
    assert_eq!(second.verify().expect("looks"), []);
    // Other regions and namespaces have their own.
    let other = AwsBootstrapSettings { namespace: "team-b".into(), ..settings(server, "us-east-1") };
    let other = AwsBootstrap::open(other, ctx()).expect("an account");
    prepare(&other).expect("prepared");
    assert_eq!(prepare(&open(server, "eu-west-1")).expect("prepared").steps, 4);
    assert_eq!(buckets(server).len(), 6);
    assert_eq!(other.destroy(&holder(), &Told::default()).expect("destroyed"), 4);
    assert_eq!(buckets(server).len(), 4);
}

#[test]
fn moto_is_prepared_once() {
    everything(&Server::moto());
}

#[test]
fn ministack_is_prepared_once() {
    everything(&Server::ministack());
}

#[test]
fn many_at_once_make_one() {
    let server = Server::moto();
    let steps: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| {
                let server = &server;
                scope.spawn(move || {
                    let region = ["us-east-1", "eu-west-1"][i % 2];
                    prepare(&open(server, region)).expect("prepared").steps
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(steps, 8, "four steps for each of two regions");
    assert_eq!(buckets(&server).len(), 4);
}

#[test]
fn what_is_gone_is_made_again() {
    let server = Server::moto();
    let bootstrap = open(&server, "us-east-1");
    prepare(&bootstrap).expect("prepared");
    let assets = bootstrap.asset_bucket();
    server.request("s3", "DELETE", &format!("/{assets}"), "");
    let faults = bootstrap.verify().expect("looks");
    assert_eq!(faults[0].what, format!("bucket `{assets}` is gone"));
    // Whoever needs it repairs it.
    assert_eq!(prepare(&open(&server, "us-east-1")).expect("repaired").steps, 2);
    assert_eq!(bootstrap.verify().expect("looks"), []);
    // And a setting that somebody changed.
    server.request("s3", "DELETE", &format!("/{assets}?lifecycle"), "");
    let faults = bootstrap.verify().expect("looks");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].what, format!("bucket `{assets}`: old versions stay for ever"));
    assert_eq!(bootstrap.repair(&holder(), &Told::default()).expect("repaired"), faults);
    assert_eq!(bootstrap.verify().expect("looks"), []);
}

#[test]
fn another_account_is_refused_before_anything_is_made() {
    let server = Server::moto();
    let expected = Some("999999999999".to_owned());
    let settings = AwsBootstrapSettings { expected_account: expected, ..settings(&server, "us-east-1") };
    let error = AwsBootstrap::open(settings, ctx()).err().expect("refused");
    assert_eq!(error.kind, ErrorKind::BadCredentials);
    assert!(error.message.contains("`expected_account` is 999999999999; nothing was changed"), "{error}");
    assert!(buckets(&server).is_empty());
}

#[test]
fn what_is_provisioned_is_only_looked_at() {
    let server = Server::moto();
    let provisioned = || AwsBootstrapSettings { provisioned: true, ..settings(&server, "us-east-1") };
    let bootstrap = AwsBootstrap::open(provisioned(), ctx()).expect("an account");
    let error = prepare(&bootstrap).expect_err("not there").to_provider_error();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(buckets(&server).is_empty());
    for bucket in [bootstrap.state_bucket(), bootstrap.asset_bucket()] {
        server.request("s3", "PUT", &format!("/{bucket}"), "");
    }
    assert_eq!(prepare(&bootstrap).expect("found").steps, 2);
}

#[test]
fn a_home_comes_with_its_account() {
    let server = Server::moto();
    let store = || PreparedStore::new(open(&server, "us-east-1"), holder(), Box::new(Told::default()));
    let reader = store();
    assert_eq!(reader.list("").expect("reads"), []);
    assert_eq!(reader.get("home.json").expect("reads"), None);
    assert!(buckets(&server).is_empty(), "reading makes nothing");
    let _ = store().create("home.json", b"here").expect("prepared and written");
    assert_eq!(buckets(&server).len(), 2);
    assert_eq!(reader.get("home.json").expect("reads").as_deref(), Some(&b"here"[..]));
    assert_eq!(store().list("").expect("reads").len(), 1);
}

const LIES: &str = "cannot hold a home, because it does not give a name only once: ";

fn through(server: &Server, proxy: &Proxy, keys: Option<AwsKeys>) -> Result<AwsBootstrap, ProviderError> {
    let mut settings = settings(server, "us-east-1");
    settings.access.endpoint = Some(proxy.endpoint());
    settings.access.keys = keys.or(settings.access.keys);
    AwsBootstrap::open(settings, ctx())
}

#[test]
fn a_server_that_ignores_conditions_is_refused() {
    let server = Server::moto();
    let proxy = Proxy::before(server.address(), Plan::Deaf(&["PUT"]));
    let bootstrap = through(&server, &proxy, None).expect("an account");
    let error = prepare(&bootstrap).expect_err("refused");
    assert!(matches!(error, BootstrapError::Probe(_)), "{error}");
    assert!(error.to_string().ends_with(&format!("{LIES}a second creation of an object succeeded")), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("use a bucket of Amazon S3")), "{error:?}");
    assert_eq!(error.to_provider_error().kind, ErrorKind::Unsupported);
    // Nothing was written but the bucket that was looked at.
    assert_eq!(buckets(&server), [bootstrap.state_bucket()]);
    assert!(bootstrap.read().expect("reads").is_none());
    proxy.heal();
    assert_eq!(prepare(&bootstrap).expect("prepared").steps, 4);
}

/// A server that looks for an object and then writes, and that checks signatures by itself.
#[test]
#[ignore = "needs s3s-fs, which make test-full installs"]
fn a_server_whose_conditions_do_not_hold_is_refused() {
    let (server, tokens) = (Server::s3s(), Server::moto());
    let proxy = Proxy::before_both(server.address(), tokens.address());
    let error = prepare(&through(&server, &proxy, None).expect("an account")).expect_err("refused");
    assert!(error.to_string().contains(LIES), "{error}");
    println!("{error}");
    let right = server.access().keys.expect("its keys");
    let wrong = AwsKeys { secret: "hunter2".to_owned(), ..right.clone() };
    let unknown = AwsKeys { id: "AKIDNOBODY".to_owned(), ..right };
    for keys in [wrong, unknown] {
        let error = prepare(&through(&server, &proxy, Some(keys)).expect("an account")).expect_err("refused");
        let text = error.to_provider_error().message;
        println!("{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn what_the_printed_policy_allows_is_enough() {
    let server = Server::moto_that_checks(|server| {
        let policy = open(server, "us-east-1").permissions(Permissions::Prepare).to_string();
        // moto has a permission of its own for HEAD of a bucket, which at Amazon is this one.
        policy.replace("\"s3:ListBucket\"", "\"s3:ListBucket\",\"s3:HeadBucket\"")
    });
    let bootstrap = open(&server, "us-east-1");
    assert!(bootstrap.identity().arn.ends_with(":user/ada"), "{}", bootstrap.identity().arn);
    assert_eq!(prepare(&bootstrap).expect("allowed").steps, 4);
    assert_eq!(bootstrap.verify().expect("allowed"), []);
    assert_eq!(prepare(&open(&server, "us-east-1")).expect("adopted").steps, 0);
    // No more than that: what it makes, it cannot remove, and nothing elsewhere.
    let error = bootstrap.destroy(&holder(), &Told::default()).expect_err("not allowed").to_provider_error();
    assert_eq!(error.kind, ErrorKind::AccessDenied);
    let error = prepare(&open(&server, "eu-west-1")).expect_err("not allowed").to_provider_error();
    assert_eq!(error.kind, ErrorKind::AccessDenied);
}

#[test]
fn wrong_credentials_are_told_before_anything_is_made() {
    let allowed = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let server = Server::moto_that_checks(|_| allowed.to_owned());
    let right = server.access().keys.expect("her keys");
    let wrong = AwsKeys { secret: "hunter2".to_owned(), ..right.clone() };
    let unknown = AwsKeys { id: "AKIDNOBODY".to_owned(), ..right };
    for keys in [wrong, unknown] {
        let mut settings = settings(&server, "us-east-1");
        settings.access.keys = Some(keys);
        let error = AwsBootstrap::open(settings, ctx()).err().expect("refused");
        assert_eq!(error.kind, ErrorKind::BadCredentials, "{error}");
        assert!(error.message.contains("the server does not know these credentials"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}
