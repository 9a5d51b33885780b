//! Exit codes: the one public table of how a command ended.

/// How a command ended, for scripts. Printed by `cofferdam --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed, or done in part.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The stack or the plan is not valid.
    Invalid = 3,
    /// A plugin could not be loaded.
    Plugin = 4,
    /// A grant or a policy forbids it.
    Denied = 5,
    /// Another run holds the stage.
    Locked = 6,
    /// Changes are pending; only with `--exit-code`.
    Changes = 10,
    /// A bug of cofferdam.
    Bug = 70,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

/// The table as text.
pub const TABLE: &str = "\
Exit codes:
    0  done
    1  failed, or done in part
    2  the command line is wrong
    3  the stack or the plan is not valid
    4  a plugin could not be loaded
    5  denied by a grant or a policy
    6  another run holds the stage
   10  changes are pending (only with --exit-code)
   70  a bug of cofferdam
  130  stopped by Ctrl-C";
