//! Keeps the process's memory to itself. It holds secrets in clear while a command runs; a core file would keep them.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Nothing writes the memory of this process into a file when it crashes, and no other process of the user reads it.
/// Called before anything is read. Where the system refuses, the command runs all the same.
pub fn keep_to_itself() {
    // Processes that this one starts inherit it: a program that hands out credentials has them in its memory.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A program that the system hands core files to gets them whatever the limit is; and debuggers do not ask for one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
