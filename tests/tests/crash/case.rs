//! One stack with its home and its service, and what has to be true of them in the end.

use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_tests::{Invocation, Output, Sandbox};

use crate::homes::{Home, Homes};
use crate::remote::{Count, Remote};

/// How long a run waits for the lease of one that was killed.
const WAIT: &str = "60s";

/// A stack, its home, and the service that has its objects.
pub struct Case {
    pub remote: Arc<Remote>,
    pub sandbox: Sandbox,
    pub home: Box<dyn Home>,
    pub resources: usize,
    /// The user's own keys, which open the home.
    keys: PathBuf,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    Deploy,
    Destroy,
}

/// How many writes of the killed run were settled in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Their objects were looked up by the operation, or read.
    pub read: usize,
    /// They went on from their checkpoint.
    pub resumed: usize,
    /// The same call was made again.
    pub repeated: usize,
}

impl Case {
    pub fn new(homes: &dyn Homes, resources: usize, lease: Option<&str>) -> Self {
        Self::with(homes.make(), Arc::new(Remote::start()), resources, lease)
    }

    /// The same stack in another folder, with a door of its own to the home.
    pub fn beside(&self, lease: Option<&str>) -> Self {
        let beside = Self::with(self.home.beside(), self.remote.clone(), self.resources, lease);
        Self { keys: self.keys.clone(), ..beside }
    }

    /// A stack whose home is to be made by its first run.
    pub fn first(homes: &dyn Homes, resources: usize, lease: Option<&str>) -> Self {
        Self::with(homes.bare(), Arc::new(Remote::start()), resources, lease)
    }

    pub fn with(home: Box<dyn Home>, remote: Arc<Remote>, resources: usize, lease: Option<&str>) -> Self {
        let sandbox = Sandbox::new();
        sandbox.plugin("web").stack(&remote.stack(resources, &home.setting(lease)));
        let keys = sandbox.user().join("keys");
        Self { remote, sandbox, home, resources, keys }
    }

    /// `cofferdam` with these arguments, on the way to the home.
    pub fn cofferdam(&self, args: &[&str]) -> Invocation {
        self.home.reach(self.apart(args))
    }

    /// The same, which does not know the way to the home yet.
    pub fn apart(&self, args: &[&str]) -> Invocation {
        self.sandbox.cofferdam(args).env("COFFERDAM_CONFIG_DIR", &self.keys)
    }

    /// Runs `cofferdam` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.cofferdam(args).run()
    }

    /// The service has each resource's object once, and nothing else.
    #[track_caller]
    pub fn is_whole(&self, what: &str, output: &Output) {
        assert_eq!(
            self.remote.count(),
            Count { kept: self.resources as u64, duplicates: 0 },
            "{what}: {}",
            output.raw()
        );
    }

    /// The state has all of it, as it is.
    #[track_caller]
    pub fn is_settled(&self, what: &str) {
        let output = self.run(&["plan", "--exit-code", "--refresh", "all"]);
        assert!(output.exit == 0, "{what}: {}", output.raw());
        assert!(!output.stderr.contains("a former run's"), "{what}: {}", output.raw());
    }
}

impl Killed {
    pub fn command(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
        }
    }

    /// Makes what the run needs.
    pub fn prepare(self, case: &Case) {
        if self == Self::Destroy {
            case.run(&["deploy", "--yes"]).exits(0);
        }
    }

    /// One more run makes everything as it should be: an object for each resource, each once, or none; and it stays so
    /// when what was late has arrived.
    #[track_caller]
    pub fn settle(self, case: &Case, what: &str) -> Settled {
        let output = case.run(&[self.command(), "--yes", "--lock-wait", WAIT, "--format", "json"]);
        assert!(output.exit == 0, "{what}: {}", output.raw());
        match self {
            Self::Deploy => case.is_whole(what, &output),
            Self::Destroy => {
                assert_eq!(case.remote.count(), Count { kept: 0, duplicates: 0 }, "{what}: {}", output.raw());
            }
        }
        let late = case.home.deliver();
        match self {
            Self::Deploy => case.is_settled(what),
            Self::Destroy if late => drop(case.run(&["destroy", "--yes"]).exits(0)),
            Self::Destroy => {}
        }
        settled(&output)
    }
}

/// What happened before the run planned.
fn settled(output: &Output) -> Settled {
    let mut settled = Settled::default();
    for event in output.events().into_iter().take_while(|event| event["type"] != "plan-started") {
        match (event["type"].as_str(), event["task"].as_str()) {
            (Some("step-started"), Some("read")) => settled.read += 1,
            (Some("step-started"), Some("resume")) => settled.resumed += 1,
            (Some("step-started"), _) => settled.repeated += 1,
            _ => {}
        }
    }
    settled
}
