//! What the process is given: environment variables, folders, time, randomness, terminals. Read here and nowhere else.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The process's surroundings.
pub struct Environment {
    /// Whether stdin can be asked.
    pub stdin_is_terminal: bool,
    /// Whether stderr can be drawn on.
    pub stderr_is_terminal: bool,
    /// Whether this is a CI job.
    pub is_ci: bool,
}

impl Environment {
    /// Looks around.
    pub fn detect() -> Self {
        Self {
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            is_ci: var("CI").is_some_and(|value| !value.is_empty() && value != "false"),
        }
    }

    /// Whether a live display makes sense.
    pub fn is_live(&self) -> bool {
        self.stderr_is_terminal && !self.is_ci
    }
}

/// An environment variable that is UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn var_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Every `COFFERDAM_VAR_<NAME>`, by name.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn stack_variables() -> Vec<(String, String)> {
    let mut found: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?.strip_prefix(cofferdam_stack::ENVIRONMENT_PREFIX)?.to_owned();
            Some((name, value.into_string().ok()?))
        })
        .collect();
    found.sort();
    found
}

/// Where compiled plugins are kept: `COFFERDAM_CACHE_DIR`, or the user's cache folder (XDG Base Directory).
pub fn cache_directory() -> Option<PathBuf> {
    folder("COFFERDAM_CACHE_DIR", "XDG_CACHE_HOME", ".cache").map(|folder| folder.join("compiled"))
}

/// Where the user's identity is kept: `COFFERDAM_CONFIG_DIR`, or the user's configuration folder (XDG Base Directory).
pub fn identity_file() -> Option<PathBuf> {
    folder("COFFERDAM_CONFIG_DIR", "XDG_CONFIG_HOME", ".config").map(|folder| folder.join("identity.txt"))
}

fn folder(own: &str, xdg: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Our own variables mean what they say, a relative path included; XDG's rule is that such a path is ignored.
    var_os(own)
        .and_then(|path| std::path::absolute(path).ok())
        .or_else(|| absolute(xdg).map(|path| path.join("cofferdam")))
        .or_else(|| absolute("HOME").map(|path| path.join(under_home).join("cofferdam")))
}

/// The passphrase that wraps keys instead of the identity.
pub fn passphrase() -> Option<String> {
    var("COFFERDAM_PASSPHRASE").filter(|text| !text.is_empty())
}

/// Files of private keys that the user names: `COFFERDAM_IDENTITY`, with `:` between them.
pub fn identity_files() -> Vec<PathBuf> {
    let named = var_os("COFFERDAM_IDENTITY").map(|paths| std::env::split_paths(&paths).collect());
    let named: Vec<PathBuf> = named.unwrap_or_default();
    named.into_iter().filter(|path| !path.as_os_str().is_empty()).collect()
}

/// Opens SSH private keys that are encrypted.
pub fn identity_passphrase() -> Option<String> {
    var("COFFERDAM_IDENTITY_PASSPHRASE").filter(|text| !text.is_empty())
}

/// The SSH private keys of the user, where they usually are.
pub fn ssh_keys() -> Vec<PathBuf> {
    let home = var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    home.into_iter().flat_map(|home| ["id_ed25519", "id_rsa"].map(|name| home.join(".ssh").join(name))).collect()
}

/// The public key for the day on which every other is lost, or `none`.
pub fn recovery() -> Option<String> {
    var("COFFERDAM_RECOVERY").filter(|text| !text.is_empty())
}

/// Who runs this, for the lease.
pub fn user() -> String {
    var("USER").or_else(|| var("LOGNAME")).unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}

/// The machine's name, for the lease.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The page of the CI job that runs this, where the CI says: GitHub Actions, GitLab, Buildkite, CircleCI, Jenkins.
pub fn ci_url() -> Option<String> {
    let github = || {
        let [server, repository, run] = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"]
            .map(|name| var(name).filter(|text| !text.is_empty()));
        Some(format!("{}/{}/actions/runs/{}", server?, repository?, run?))
    };
    let named = ["CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL"];
    let url = github().or_else(|| named.into_iter().find_map(|name| var(name).filter(|text| !text.is_empty())))?;
    let shown = |c: char| c.is_ascii_graphic();
    (url.len() <= 500 && url.chars().all(shown)).then_some(url)
}

/// The time, for every part of the host that asks for it.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting.
    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Milliseconds since the Unix epoch.
    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    pub fn epoch_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl cofferdam_runtime::Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        self.epoch_ms()
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl cofferdam_home::Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        self.epoch_ms()
    }

    /// A clock that goes on while the machine sleeps: a lease does not wait for it to wake up.
    fn monotonic_ms(&self) -> u64 {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(clock);
        let whole = u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(1000);
        whole.saturating_add(u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0))
    }
}

impl cofferdam_engine::Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        self.epoch_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl cofferdam_engine::Entropy for SystemEntropy {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        fill(&mut bytes);
        bytes
    }
}

impl cofferdam_home::Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        fill(bytes);
    }
}

/// Bytes from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system always has randomness after start-up");
}
