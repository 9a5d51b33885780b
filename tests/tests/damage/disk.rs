//! A small disk of its own: a file system in memory, mounted in a namespace that nobody else sees, so that no rights are
//! needed and nothing is left behind.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cofferdam_tests::{Invocation, Output};
use rustix::fs::statvfs;

/// What a file takes at least.
pub const PAGE: u64 = 4096;
/// Takes what the runs are not to have.
const BALLAST: &str = "ballast";

/// The disk; gone when this is dropped.
pub struct Disk {
    /// Lives in the namespace, and keeps it.
    keeper: Child,
    folder: PathBuf,
}

impl Disk {
    /// Mounts a disk of so many pages at a folder, which has to be there.
    pub fn mount(folder: &Path, pages: u64) -> Self {
        let script = format!("mount -t tmpfs -o size={} none \"$0\" && echo ready && exec cat", pages * PAGE);
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", &script])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`unshare` of util-linux is installed");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        if line.trim() != "ready" {
            let output = keeper.wait_with_output().expect("it has ended");
            panic!(
                "*** NOTHING WAS TESTED: this system lets nobody mount a disk in a namespace of his own ({}) ***\n*** allow user \
                 namespaces, or leave these tests out: -E 'not (test(full::) or test(read_only::))' ***",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Self { keeper, folder: folder.to_owned() }
    }

    /// Runs a command where the disk is seen.
    pub fn run(&self, run: Invocation) -> Output {
        let pid = self.keeper.id().to_string();
        let enter = ["/usr/bin/nsenter", "-t", &pid, "--user", "--mount", "--preserve-credentials", "/bin/sh", "-c"];
        // Whoever enters a namespace stands at its root.
        run.through(&[&enter[..], &["cd \"$0\" && exec \"$@\""]].concat()).run()
    }

    /// A path on the disk, as it is seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.folder.strip_prefix("/").expect("an absolute path")).join(inside)
    }

    /// Leaves so many pages free.
    pub fn leave(&self, pages: u64) {
        self.free();
        let path = self.path(BALLAST);
        let all = statvfs(self.path("")).expect("mounted").f_bavail;
        let taken = all.checked_sub(pages).expect("the disk has so many pages");
        let mut file = File::create(&path).expect("the disk has room");
        let zeros = vec![0; usize::try_from(taken * PAGE).expect("a small disk")];
        file.write_all(&zeros).expect("the disk has room for that");
        let (left, blocks) =
            (statvfs(self.path("")).expect("mounted").f_bavail, file.metadata().expect("open").blocks());
        assert_eq!(left, pages, "{blocks} blocks are taken");
    }

    /// Makes room again.
    pub fn free(&self) {
        let _ = fs::remove_file(self.path(BALLAST));
    }

    /// Lets nobody write any more, or everybody again.
    pub fn remount(&self, how: &str) {
        let pid = self.keeper.id().to_string();
        let done = Command::new("nsenter")
            .args(["-t", &pid, "--user", "--mount", "--preserve-credentials", "mount", "-o"])
            .arg(format!("remount,{how}"))
            .arg(&self.folder)
            .status()
            .expect("`nsenter` of util-linux is installed");
        assert!(done.success(), "remount as {how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
