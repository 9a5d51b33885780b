//! The compiled cache as a user meets it: private, trusted only where it is this user's own work, never needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cofferdam_tests::Sandbox;

const INSPECT: [&str; 3] = ["plugin", "inspect", "null"];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// The compiled components of a sandbox.
fn code(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folder = sandbox.cache().join("compiled");
    let files = fs::read_dir(folder).expect("the cache was made").flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "code")).collect()
}

#[test]
fn it_is_private_and_gives_the_same_answer() {
    let sandbox = Sandbox::cold();
    let cold = sandbox.run(&INSPECT).exits(0);
    assert_eq!(mode(&sandbox.cache().join("compiled")), 0o700);
    let [entry] = &code(&sandbox)[..] else { panic!("one compiled component was expected") };
    assert_eq!(mode(entry), 0o600);
    let warm = sandbox.run(&INSPECT).exits(0);
    assert_eq!(cold.stdout, warm.stdout);
}

#[test]
fn what_somebody_changed_is_not_run() {
    let sandbox = Sandbox::cold();
    sandbox.run(&INSPECT).exits(0);
    let [entry] = &code(&sandbox)[..] else { panic!("one compiled component was expected") };
    let mut bytes = fs::read(entry).expect("this user may read it");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(entry, &bytes).expect("this user may write it");
    sandbox.run(&INSPECT).exits(0);
    assert_ne!(fs::read(entry).expect("it was made again"), bytes, "the changed code still stands in the cache");
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let sandbox = Sandbox::cold();
    sandbox.run(&INSPECT).exits(0);
    let folder = sandbox.cache().join("compiled");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("the folder is this user's");
    insta::assert_snapshot!(sandbox.run(&INSPECT).exits(1).shown());
}
