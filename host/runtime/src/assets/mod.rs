//! Assets of plugins: which files of the project a provider may have, that each is hashed once, and that each is
//! published once.

pub(crate) mod file;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::assets::{Asset, AssetLocation, AssetPath};
use cofferdam_model::bootstrap::{BootstrapScope, OpenBootstrap};
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::{Digest, ProviderKey};
use tokio::sync::Semaphore;

use crate::bootstrap::registry::{Failure, Key, Refused, Registry};
use crate::host::clock::Clock;
use file::{AssetFile, Identity};

/// How many assets a run hashes, and how many a provider publishes.
const MAX_ASSETS: usize = 20_000;
/// Files that are hashed at one time: each keeps a processor busy.
const HASHED_AT_ONCE: usize = 2;
/// Assets that are uploaded at one time: each holds a few parts in memory.
const UPLOADED_AT_ONCE: usize = 4;

/// The files of the project that both keys open for a provider: the plugin asked, the user granted.
#[derive(Clone, Debug)]
pub(crate) struct AssetAccess {
    /// The stack's folder.
    pub folder: PathBuf,
    /// Files and folders in it.
    pub granted: Vec<AssetPath>,
    /// Whether the plugin asks for any.
    pub is_asked: bool,
}

impl AssetAccess {
    /// A folder that is granted, and a path below it; the stack's folder where the very path is granted.
    fn grant_of<'a>(&'a self, path: &'a AssetPath) -> Option<(&'a str, &'a str)> {
        if self.granted.contains(path) {
            return Some(("", path.as_str()));
        }
        let above = self.granted.iter().filter_map(|granted| Some((granted.as_str(), granted.below(path)?)));
        // A link leads out of a smaller folder sooner.
        above.min_by_key(|(folder, _)| folder.len())
    }

    /// Opens an asset. Blocks its thread.
    ///
    /// # Errors
    /// When the file is not granted, not there, no regular file, or larger than an asset may be.
    pub fn open(&self, provider: &ProviderKey, path: &AssetPath) -> Result<AssetFile, ProviderError> {
        let denied = |text: String| Err(ProviderError::new(ErrorKind::AccessDenied, text));
        if !self.is_asked {
            return denied(format!("the asset `{path}` is refused: the plugin's manifest asks for no assets"));
        }
        let Some((folder, rest)) = self.grant_of(path) else {
            return denied(format!(
                "the asset `{path}` is not granted; to allow it, add to the `grant` block of provider `{provider}`: \
                 assets = [\"{path}\"]"
            ));
        };
        AssetFile::open(&self.folder, folder, rest, path.as_str())
    }
}

/// A file as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    path: PathBuf,
    identity: Identity,
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())
    }
}

impl Key for FileKey {
    // What a file's digest is depends on nobody who asks.
    fn owner(&self) -> &'static str {
        ""
    }
}

/// What is published for whom and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PublishKey {
    pub provider: String,
    pub credential: String,
    pub scope: BootstrapScope,
    pub digest: Digest,
}

impl fmt::Display for PublishKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} for provider `{}`", self.digest, self.scope, self.provider)
    }
}

impl Key for PublishKey {
    fn owner(&self) -> &str {
        &self.provider
    }
}

/// The assets of one run.
pub(crate) struct Assets {
    digests: Registry<FileKey, Digest, ProviderError>,
    published: Registry<PublishKey, AssetLocation, ProviderError>,
    hashing: Arc<Semaphore>,
    uploading: Arc<Semaphore>,
}

impl Assets {
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        let elapsed = || {
            let clock = Arc::clone(clock);
            move || Duration::from_nanos(clock.monotonic_ns())
        };
        Self {
            digests: Registry::new(elapsed(), MAX_ASSETS),
            published: Registry::new(elapsed(), MAX_ASSETS),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
            uploading: Arc::new(Semaphore::new(UPLOADED_AT_ONCE)),
        }
    }

    /// The digest of a file, taken once for as long as nothing about the file is another.
    ///
    /// # Errors
    /// When the file cannot be read, or changes meanwhile.
    pub async fn digest(&self, file: &Arc<AssetFile>) -> Result<Digest, ProviderError> {
        let key = FileKey { path: file.path().to_owned(), identity: file.identity().clone() };
        let work = || {
            let (file, hashing) = (Arc::clone(file), Arc::clone(&self.hashing));
            async move {
                let _turn = hashing.acquire_owned().await;
                blocking(move || file.digest()).await.map_err(at_once)
            }
        };
        self.digests.ensure(key, None, work).await.map_err(|refused| error(refused, "hash"))
    }

    /// Publishes an asset where its bootstrap has a place for assets, once.
    ///
    /// # Errors
    /// As [`OpenBootstrap::publish`].
    pub async fn publish(
        &self,
        key: PublishKey,
        open: Arc<dyn OpenBootstrap>,
        asset: Asset,
    ) -> Result<AssetLocation, ProviderError> {
        let work = || {
            let uploading = Arc::clone(&self.uploading);
            async move {
                let _turn = uploading.acquire_owned().await;
                open.publish(asset).await.map_err(at_once)
            }
        };
        self.published.ensure(key, None, work).await.map_err(|refused| error(refused, "publish"))
    }

    /// Begins nothing any more, and waits for what goes on.
    pub async fn drain(&self) {
        self.digests.drain().await;
        self.published.drain().await;
    }
}

/// Runs work with files on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(ProviderError::new(ErrorKind::Other, "working on an asset failed in the host")))
}

/// A file may be right in a moment, and a server may answer: whoever asks again has another try.
fn at_once(why: ProviderError) -> Failure<ProviderError> {
    Failure { why, retry_after: Duration::ZERO }
}

fn error<K: Key>(refused: Refused<K, ProviderError>, what: &str) -> ProviderError {
    match refused {
        Refused::Failed(Failure { why, .. }) => why,
        Refused::Lost => {
            ProviderError::new(ErrorKind::Unavailable, format!("could not {what} the asset: it was cut off"))
        }
        Refused::TooMany { allowed } => {
            ProviderError::new(ErrorKind::QuotaExceeded, format!("more than {allowed} assets in one run"))
        }
        Refused::Closed => ProviderError::new(ErrorKind::Unavailable, "the run is being stopped"),
        // Work on an asset asks for no other.
        Refused::Cycle(_) => {
            ProviderError::new(ErrorKind::Other, format!("could not {what} the asset: it waits for itself"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(granted: &[&str]) -> (tempfile::TempDir, AssetAccess) {
        let home = tempfile::tempdir().expect("tempdir");
        let folder = home.path().join("stack");
        std::fs::create_dir_all(folder.join("dist/deep")).expect("mkdir");
        for file in ["stack/dist/a.zip", "stack/dist/deep/b.zip", "stack/.env", "outside"] {
            std::fs::write(home.path().join(file), "content").expect("writes");
        }
        let granted = granted.iter().map(|path| AssetPath::parse(path).expect("a path")).collect();
        (home, AssetAccess { folder, granted, is_asked: true })
    }

    fn open(access: &AssetAccess, name: &str) -> Result<(), (ErrorKind, String)> {
        let path = AssetPath::parse(name).expect("a path");
        let opened = access.open(&ProviderKey::new("web", None).expect("a key"), &path);
        opened.map(drop).map_err(|error| (error.kind, error.message))
    }

    #[test]
    fn what_is_granted_is_opened_and_nothing_else() {
        let (_home, files) = access(&["dist"]);
        assert_eq!(open(&files, "dist/a.zip"), Ok(()));
        assert_eq!(open(&files, "./dist/deep/b.zip"), Ok(()));
        let (kind, text) = open(&files, ".env").expect_err("not granted");
        assert_eq!(kind, ErrorKind::AccessDenied);
        assert!(text.contains("provider `web`: assets = [\".env\"]"), "{text}");
        for (name, expected) in [
            ("dist/none.zip", ErrorKind::NotFound),
            ("dist/deep", ErrorKind::InvalidInput),
            ("dist/a.zip/x", ErrorKind::NotFound),
        ] {
            assert_eq!(open(&files, name).expect_err(name).0, expected, "{name}");
        }
        let (_home, alone) = access(&["dist/a.zip"]);
        assert_eq!(open(&alone, "dist/a.zip"), Ok(()));
        assert_eq!(open(&alone, "dist/deep/b.zip").expect_err("not granted").0, ErrorKind::AccessDenied);
        let (_home, all) = access(&["."]);
        assert_eq!(open(&all, ".env"), Ok(()));
        assert_eq!(open(&all, "dist").expect_err("a folder").0, ErrorKind::InvalidInput);
        let unasked = AssetAccess { is_asked: false, ..all };
        assert_eq!(open(&unasked, ".env").expect_err("not asked").0, ErrorKind::AccessDenied);
    }

    #[test]
    fn no_link_leads_out() {
        let (home, files) = access(&["dist"]);
        let link = |to: &str, from: &str| {
            std::os::unix::fs::symlink(to, home.path().join("stack").join(from)).expect("links");
        };
        link(home.path().join("outside").to_str().expect("UTF-8"), "dist/absolute");
        link("../../outside", "dist/relative");
        link("..", "dist/up");
        link("../.env", "dist/env");
        link("deep/b.zip", "dist/inside");
        for name in ["dist/absolute", "dist/relative", "dist/up/.env", "dist/up/stack.hcl", "dist/env"] {
            assert!(open(&files, name).is_err(), "{name}");
        }
        assert_eq!(open(&files, "dist/inside"), Ok(()));
    }
}
