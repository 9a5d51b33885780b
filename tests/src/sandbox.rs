//! A folder of its own for one test: the stack, the user's home, and nothing else of the machine.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::invocation::Invocation;
use crate::output::Output;
use crate::paths;

/// A stack's folder with a user around it. Removed when the test ends.
pub struct Sandbox {
    root: tempfile::TempDir,
    cache: PathBuf,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty stack's folder. Compiled plugins are shared between tests, because the code is the same.
    #[must_use]
    pub fn new() -> Self {
        let cache = shared_cache();
        let sandbox = Self::with_cache(cache.clone());
        // All tests start at once; one of them compiles the bundled plugins, the others wait.
        static WARM: Once = Once::new();
        WARM.call_once(|| {
            for plugin in ["null", "local"] {
                sandbox.run(&["plugin", "inspect", plugin]).exits(0);
            }
        });
        sandbox
    }

    /// The same with a cache of its own, as on a machine that has never run cofferdam.
    #[must_use]
    pub fn cold() -> Self {
        let mut sandbox = Self::with_cache(PathBuf::new());
        sandbox.cache = sandbox.root.path().join("cache");
        sandbox
    }

    fn with_cache(cache: PathBuf) -> Self {
        let root = tempfile::Builder::new().prefix("cofferdam-").tempdir().expect("a temporary folder can be made");
        for folder in ["stack", "user", "tmp"] {
            fs::create_dir(root.path().join(folder)).expect("a folder can be made in a new one");
        }
        Self { root, cache }
    }

    /// The folder that everything of this sandbox lies in.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The stack's folder, or a path in it.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join("stack").join(inside)
    }

    /// The user's home folder.
    #[must_use]
    pub fn user(&self) -> PathBuf {
        self.root.path().join("user")
    }

    /// Where compiled plugins are kept.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Writes the stack's one file.
    pub fn stack(&self, text: &str) -> &Self {
        self.file("stack.hcl", text)
    }

    /// Writes a file into the stack's folder, with the folders above it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a folder of the stack can be made");
        }
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
        self
    }

    /// Reads a file of the stack's folder.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()))
    }

    /// Puts a built fixture beside the stack, as `<name>.wasm`.
    pub fn plugin(&self, name: &str) -> &Self {
        let bytes = fs::read(paths::fixture(&format!("fixture-{name}"))).expect("the fixture was just seen");
        self.file(&format!("{name}.wasm"), bytes)
    }

    /// Everything below a folder of the sandbox, in order: files, and folders with a `/` behind.
    #[must_use]
    pub fn tree(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        walk(folder, &mut |path| {
            let relative = path.strip_prefix(folder).unwrap_or(path).display().to_string();
            found.push(if path.is_dir() { format!("{relative}/") } else { relative });
        });
        found.sort();
        found
    }

    /// The files below a folder whose bytes hold a text.
    #[must_use]
    pub fn holding(&self, folder: &Path, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(folder, &mut |path| {
            let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            if path.is_file() && fs::read(path).is_ok_and(holds) {
                found.push(path.to_owned());
            }
        });
        found.sort();
        found
    }

    /// `cofferdam` with these arguments, in the stack's folder, to be adjusted before it runs.
    #[must_use]
    pub fn cofferdam(&self, args: &[&str]) -> Invocation {
        let root = self.root.path();
        Invocation::new(paths::binary(), args)
            .directory(self.path(""))
            .env("HOME", self.user())
            .env("USER", "tester")
            .env("TMPDIR", root.join("tmp"))
            .env("COFFERDAM_CACHE_DIR", &self.cache)
            .env("COFFERDAM_CONFIG_DIR", root.join("user/.config/cofferdam"))
            .env("NO_COLOR", "1")
            .env("COFFERDAM_RECOVERY", "none")
            .hiding(root)
    }

    /// Runs `cofferdam` to its end.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        self.cofferdam(args).run()
    }

    /// Deploys without questions, and expects success.
    pub fn deploy(&self) -> Output {
        self.run(&["deploy", "--yes"]).exits(0)
    }

    /// Expects a plan without any change.
    pub fn expect_no_changes(&self) -> Output {
        self.run(&["plan", "--exit-code"]).exits(0)
    }
}

/// The cache that tests share: below `target`, private as the host wants it.
fn shared_cache() -> PathBuf {
    let path = paths::target().join("tmp/cofferdam-cache");
    if !path.is_dir() {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.expect("the folder for built files can be written");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("the folder is this user's");
    path
}

/// Calls `visit` for everything below a folder. Links are not followed.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        visit(&entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}
