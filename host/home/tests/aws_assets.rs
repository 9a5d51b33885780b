//! Assets against servers that nobody here wrote: put once, gone on with, found out where they changed, collected.

#[path = "support/servers.rs"]
mod servers;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cofferdam_home::store::{S3Settings, S3Store, Store as _};
use cofferdam_home::{
    AssetOwner, AssetReference, AwsAccess, AwsBootstrap, AwsBootstrapSettings, BootstrapCtx, Collected, Holder,
    HomeCtx, Published, Uploading, Watch,
};
use cofferdam_model::Digest;
use cofferdam_model::assets::{Asset, AssetContent};
use cofferdam_model::bootstrap::BootstrapStep;
use cofferdam_model::error::{ErrorKind, ProviderError};
use servers::Server;
use support::{Place, holder, stack, stage};

const MIB: usize = 1024 * 1024;

struct Quiet;

impl Watch for Quiet {
    fn is_stopped(&self) -> bool {
        false
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time.min(Duration::from_millis(50)));
    }

    fn waits(&self, _: Option<&Holder>) {}

    fn would(&self, _: &[BootstrapStep]) {}

    fn begins(&self, _: &BootstrapStep) {}

    fn done(&self, _: &BootstrapStep) {}
}

/// Follows an upload, and stops it when it has been asked so often.
struct Upload {
    left: AtomicUsize,
    begun: AtomicU64,
}

impl Upload {
    fn whole() -> Self {
        Self::stopped_after(usize::MAX)
    }

    fn stopped_after(looks: usize) -> Self {
        Self { left: AtomicUsize::new(looks), begun: AtomicU64::new(u64::MAX) }
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

impl Uploading for Upload {
    fn is_stopped(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }

    fn begins(&self, bytes: u64) {
        self.begun.store(bytes, Ordering::SeqCst);
    }
}

struct Memory(Vec<u8>);

impl AssetContent for Memory {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ProviderError> {
        let from = usize::try_from(offset).expect("small");
        buffer.copy_from_slice(self.0.get(from..from + buffer.len()).ok_or_else(|| self.changed())?);
        Ok(())
    }

    fn changed(&self) -> ProviderError {
        ProviderError::new(ErrorKind::InvalidInput, "it changed")
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| u8::try_from((i / 7 + i / MIB) % 251).expect("small")).collect()
}

fn asset(size: usize) -> Asset {
    let content = content(size);
    Asset {
        name: "dist/a.zip".into(),
        digest: Digest::of(&content),
        size: size as u64,
        content: Arc::new(Memory(content)),
    }
}

fn owner() -> AssetOwner {
    AssetOwner { home: "h0".into(), stack: stack(), stage: stage() }
}

fn open(server: &Server) -> AwsBootstrap {
    let access = AwsAccess { region: Some("us-east-1".into()), ..server.access() };
    let settings = AwsBootstrapSettings { access, path_style: true, ..AwsBootstrapSettings::default() };
    let place = Place::new();
    let HomeCtx { clock, entropy, .. } = place.ctx(place.keys());
    AwsBootstrap::open(settings, BootstrapCtx { clock, entropy }).expect("an account")
}

fn prepared(server: &Server) -> AwsBootstrap {
    let bootstrap = open(server);
    bootstrap.prepare(&holder(), &Quiet).expect("prepared");
    bootstrap
}

fn bucket(server: &Server, bootstrap: &AwsBootstrap) -> S3Store {
    let settings = S3Settings { bucket: bootstrap.asset_bucket(), ..server.settings("") };
    S3Store::open(&settings).expect("opens")
}

fn publish(bootstrap: &AwsBootstrap, asset: &Asset) -> Published {
    bootstrap.publish(asset, &owner(), &Upload::whole()).expect("published")
}

/// How many uploads in parts have not ended.
fn uploads(server: &Server, bootstrap: &AwsBootstrap) -> usize {
    let listed = server.request("s3", "GET", &format!("/{}?uploads", bootstrap.asset_bucket()), "");
    listed.matches("<UploadId>").count()
}

fn everything(server: &Server) {
    let bootstrap = prepared(server);
    let store = bucket(server, &bootstrap);
    for size in [0, 10, 5 * MIB, 16 * MIB, 16 * MIB + 1, 20 * MIB] {
        let asset = asset(size);
        let first = publish(&bootstrap, &asset);
        assert!(!first.is_found, "{size}");
        let location = first.location;
        assert_eq!(location.bucket, bootstrap.asset_bucket());
        assert_eq!(location.key, format!("assets/sha256/{}", asset.digest.hex()));
        assert!(location.version.is_some(), "{size}");
        assert!(store.get(&location.key).expect("reads").expect("there") == content(size), "{size}");
        // Another process finds it.
        let again = publish(&open(server), &asset);
        assert_eq!(again, Published { location, is_found: true });
    }
    assert_eq!(uploads(server, &bootstrap), 0);
    let references = store.list("refs/h0/").expect("lists");
    assert_eq!(references.len(), 6, "{references:?}");
}

#[test]
fn moto_has_each_once() {
    everything(&Server::moto());
}

#[test]
fn ministack_has_each_once() {
    everything(&Server::ministack());
}

fn gone_on_with(server: &Server, tells_parts: bool) {
    let bootstrap = prepared(server);
    let asset = asset(40 * MIB);
    let error = bootstrap.publish(&asset, &owner(), &Upload::stopped_after(4)).expect_err("stopped");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("`dist/a.zip` was stopped; the next run goes on"), "{error}");
    assert_eq!(uploads(server, &bootstrap), 1);
    drop(bootstrap);
    let upload = Upload::whole();
    let bootstrap = open(server);
    let published = bootstrap.publish(&asset, &owner(), &upload).expect("published");
    // moto's list of parts is in a form of its own: there they are sent again.
    assert_eq!(upload.begun() < 40 * MIB as u64, tells_parts, "{} bytes were sent", upload.begun());
    assert!(
        bucket(server, &bootstrap).get(&published.location.key).expect("reads").expect("there") == content(40 * MIB)
    );
    assert_eq!(uploads(server, &bootstrap), 0);
}

#[test]
fn what_was_stopped_is_gone_on_with() {
    gone_on_with(&Server::moto(), false);
    gone_on_with(&Server::ministack(), true);
}

#[test]
fn parts_of_something_else_are_not_taken() {
    not_taken(&Server::moto());
    not_taken(&Server::ministack());
}

fn not_taken(server: &Server) {
    let bootstrap = prepared(server);
    // The same upload, begun with other bytes: as if the file had changed under a run that was killed.
    let real = asset(24 * MIB);
    let mut other = content(24 * MIB);
    other[9 * MIB] ^= 1;
    let liar = Asset { content: Arc::new(Memory(other)), ..real.clone() };
    bootstrap.publish(&liar, &owner(), &Upload::stopped_after(2)).expect_err("stopped");
    assert_eq!(uploads(server, &bootstrap), 1);
    let published = publish(&bootstrap, &real);
    assert!(
        bucket(server, &bootstrap).get(&published.location.key).expect("reads").expect("there") == content(24 * MIB)
    );
    assert_eq!(uploads(server, &bootstrap), 0);
}

#[test]
fn a_file_that_changes_leaves_nothing() {
    let server = Server::moto();
    let bootstrap = prepared(&server);
    for size in [MIB, 24 * MIB] {
        let real = asset(size);
        let mut other = content(size);
        other[size - 1] ^= 1;
        for bytes in [other, content(size - 1)] {
            let changed = Asset { content: Arc::new(Memory(bytes)), ..real.clone() };
            let error = bootstrap.publish(&changed, &owner(), &Upload::whole()).expect_err("changed");
            assert_eq!(error.message, "it changed");
        }
    }
    assert_eq!(uploads(&server, &bootstrap), 0);
    assert_eq!(bucket(&server, &bootstrap).list("assets/").expect("lists"), []);
}

#[test]
fn many_at_once_make_one() {
    let server = Server::moto();
    let bootstrap = prepared(&server);
    let asset = asset(20 * MIB);
    let locations: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                let (server, asset) = (&server, &asset);
                scope.spawn(move || publish(&open(server), asset).location)
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    assert!(locations.iter().all(|location| *location == locations[0]), "{locations:?}");
    assert_eq!(uploads(&server, &bootstrap), 0);
}

#[test]
fn what_somebody_has_changed_is_not_trusted() {
    let server = Server::moto();
    let bootstrap = prepared(&server);
    let asset = asset(1000);
    let key = publish(&bootstrap, &asset).location.key;
    server.request("s3", "PUT", &format!("/{}/{key}", bootstrap.asset_bucket()), "something else");
    let error = bootstrap.publish(&asset, &owner(), &Upload::whole()).expect_err("not trusted");
    assert!(error.message.contains("is not what its name says"), "{error}");
}

fn collected(server: &Server) {
    let bootstrap = prepared(server);
    let store = bucket(server, &bootstrap);
    let (used, left) = (asset(100), asset(200));
    publish(&bootstrap, &used);
    publish(&bootstrap, &left);
    let stock = bootstrap.asset_stock().expect("lists");
    assert_eq!((stock.assets.len(), stock.references.len()), (2, 2));
    assert!(stock.unneeded(Duration::from_secs(3600), |_| false).is_empty(), "nothing is so old");
    let is_used = |reference: &AssetReference| reference.digest == used.digest.hex();
    let collection = stock.unneeded(Duration::ZERO, is_used);
    let done = bootstrap.collect(&collection, "run1").expect("collected");
    assert_eq!(done, Collected { assets: 1, bytes: 200, kept: 0 });
    let keys = |prefix: &str| store.list(prefix).expect("lists").len();
    assert_eq!((keys("assets/"), keys("refs/"), keys("gc/")), (1, 1, 0));
    // What is published again after the look stays, whoever looked before.
    publish(&bootstrap, &left);
    let stock = bootstrap.asset_stock().expect("lists");
    let collection = stock.unneeded(Duration::ZERO, is_used);
    assert_eq!(collection.assets.len(), 1);
    publish(&bootstrap, &left);
    let done = bootstrap.collect(&collection, "run2").expect("collected");
    assert_eq!(done, Collected { assets: 0, bytes: 0, kept: 1 });
    assert_eq!((keys("assets/"), keys("refs/"), keys("gc/")), (2, 2, 0));
}

#[test]
fn what_nobody_needs_is_collected() {
    collected(&Server::moto());
    collected(&Server::ministack());
}

#[test]
fn what_a_collection_marks_is_put_there_anew() {
    let server = Server::moto();
    let bootstrap = prepared(&server);
    let asset = asset(100);
    let first = publish(&bootstrap, &asset).location;
    let mark = format!("/{}/gc/{}/run", bootstrap.asset_bucket(), asset.digest.hex());
    server.request("s3", "PUT", &mark, "");
    let second = publish(&bootstrap, &asset);
    assert!(!second.is_found);
    assert_ne!(second.location.version, first.version);
}
