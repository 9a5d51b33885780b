//! The two kinds of home, seen from behind: their objects by name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use cofferdam_tests::{Bucket, Invocation, Output, Request, Sandbox};
use regex::Regex;

use crate::project::Project;

/// A home and its stack.
pub struct Home {
    pub project: Project,
    place: Place,
    /// What was changed behind its back.
    touched: RefCell<BTreeSet<String>>,
}

enum Place {
    Local(PathBuf),
    Bucket(Bucket),
}

/// Every object of a home.
pub type Objects = BTreeMap<String, Vec<u8>>;

impl Home {
    pub fn local(more: &str) -> Self {
        let project = Project::new("", more);
        let folder = project.sandbox.path(".cofferdam");
        Self { project, place: Place::Local(folder), touched: RefCell::default() }
    }

    pub fn bucket(more: &str) -> Self {
        let bucket = Bucket::start();
        let project = Project::new(&bucket.setting(), more);
        Self { project, place: Place::Bucket(bucket), touched: RefCell::default() }
    }

    pub fn name(&self) -> &'static str {
        match self.place {
            Place::Local(_) => "directory",
            Place::Bucket(_) => "bucket",
        }
    }

    /// `cofferdam` with these arguments, on the way to the home.
    pub fn cofferdam(&self, args: &[&str]) -> Invocation {
        let run = self.project.sandbox.cofferdam(args);
        match &self.place {
            Place::Local(_) => run,
            Place::Bucket(bucket) => bucket.reach(run),
        }
    }

    /// Runs `cofferdam` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.cofferdam(args).run()
    }

    /// Takes the lease from a run that was killed, where nobody can know that it is dead.
    pub fn unlock(&self) {
        if let Place::Bucket(_) = self.place {
            drop(self.run(&["unlock", "--force", "--yes"]).exits(0));
        }
    }

    pub fn objects(&self) -> Objects {
        let names = match &self.place {
            Place::Local(folder) => {
                let names = Sandbox::tree(&self.project.sandbox, folder).into_iter();
                names.filter(|name| !name.ends_with('/')).collect()
            }
            Place::Bucket(bucket) => bucket.list(),
        };
        names.into_iter().map(|name| (name.clone(), self.get(&name))).collect()
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        match &self.place {
            Place::Local(folder) => fs::read(folder.join(name)).expect("it was listed"),
            Place::Bucket(bucket) => bucket.get(name),
        }
    }

    pub fn put(&self, name: &str, content: &[u8]) {
        self.touched.borrow_mut().insert(name.to_owned());
        match &self.place {
            Place::Local(folder) => {
                let path = folder.join(name);
                fs::create_dir_all(path.parent().expect("in a folder")).expect("made");
                fs::write(path, content).expect("written");
            }
            Place::Bucket(bucket) => bucket.put(name, content),
        }
    }

    pub fn delete(&self, name: &str) {
        self.touched.borrow_mut().insert(name.to_owned());
        match &self.place {
            Place::Local(folder) => fs::remove_file(folder.join(name)).expect("it is there"),
            Place::Bucket(bucket) => bucket.delete(name),
        }
    }

    /// Makes everything as it was.
    pub fn put_back(&self, objects: &Objects) {
        let names = match &self.place {
            Place::Local(_) => self.objects().into_keys().chain(objects.keys().cloned()).collect(),
            Place::Bucket(bucket) => {
                let written = bucket.requests(0).iter().filter_map(written).collect::<BTreeSet<_>>();
                written.into_iter().chain(self.touched.take()).collect::<BTreeSet<_>>()
            }
        };
        for name in names {
            match objects.get(&name) {
                Some(content) => self.put(&name, content),
                None => self.delete(&name),
            }
        }
    }

    /// What is left of all writes so far but those of leases, which everybody takes who wants to write: to be compared.
    pub fn written(&self) -> Objects {
        let mut objects = match &self.place {
            Place::Local(_) => self.objects(),
            Place::Bucket(bucket) => {
                let number = |(i, request): (usize, &Request)| Some((written(request)?, i.to_string().into_bytes()));
                bucket.requests(0).iter().enumerate().filter_map(number).collect()
            }
        };
        objects.retain(|name, _| !name.contains("/lease/"));
        objects
    }
}

/// The object that a request writes or removes; none where it only looks.
fn written(request: &Request) -> Option<String> {
    let path = request.path.split('?').next()?.trim_start_matches('/');
    let (_, name) = path.split_once('/')?;
    (matches!(request.method.as_str(), "PUT" | "DELETE") && !name.is_empty()).then(|| name.to_owned())
}

/// What a run said, without what differs from run to run.
pub fn shown(text: &str) -> String {
    let patterns = [
        (r"tester on \S+", "tester on [host]"),
        (r"\b\d+ (?:B|kB)\b", "[size]"),
        (r"\b[0-9a-f]{32}\b", "[id]"),
        (r"\b\d{10}-[0-9a-f]{8}\.json", "[snapshot].json"),
        (r"\b\d{10}\.jsonl", "[piece].jsonl"),
        (r"\b\d+ records", "[n] records"),
        (r"column \d+", "column [n]"),
        // Columns are as wide as what was just replaced.
        (r"(\S)  +", "$1  "),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, word)| {
        Regex::new(pattern).expect("a valid pattern").replace_all(&text, *word).into_owned()
    })
}
