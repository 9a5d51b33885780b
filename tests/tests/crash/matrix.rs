//! The crash matrix: killed on every side of every write to the home, and at any moment in between. One more run settles
//! what was left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::boundary::{Boundary, Kind, counts};
use crate::case::{Case, Killed};
use crate::homes::{Homes, Local, S3};
use crate::tally::Tally;

/// The shortest lease: a run that was killed stands in the way for so long where nobody can tell that it is dead.
const LEASE: Option<&str> = Some("5s");

/// How much of the matrix.
#[derive(Clone, Copy)]
struct Size {
    resources: usize,
    every: Every,
    /// Kills at any moment.
    moments: usize,
}

/// Which writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Every {
    /// All of them.
    Write,
    /// All pieces, and of the other kinds the first, the one in the middle, and the last.
    Piece,
    /// Of every kind the first, the one in the middle, and the last.
    Kind,
    /// None.
    No,
}

/// A kill to come.
#[derive(Clone, Copy)]
enum Kill {
    At(Boundary),
    /// After this part of the length of an undisturbed run.
    After(f64),
}

/// The matrix of one home and one command.
struct Matrix<'a> {
    homes: &'a dyn Homes,
    killed: Killed,
    size: Size,
    tally: Mutex<Tally>,
    /// The length of an undisturbed run. Whoever holds this times a run, alone.
    length: Mutex<Duration>,
}

impl<'a> Matrix<'a> {
    fn new(homes: &'a dyn Homes, killed: Killed, size: Size) -> Self {
        Self { homes, killed, size, tally: Mutex::default(), length: Mutex::new(Duration::MAX) }
    }

    /// Kills everywhere; no case may end otherwise than settled. The counts in words.
    #[expect(clippy::disallowed_methods, reason = "how long it took is real time")]
    fn run(self) -> String {
        let began = Instant::now();
        let kinds = self.undisturbed();
        let kills = self.kills(&kinds);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.homes.at_once().min(kills.len()) {
                scope.spawn(|| {
                    while let Some(kill) = kills.get(next.fetch_add(1, Ordering::SeqCst)) {
                        self.case(*kill);
                    }
                });
            }
        });
        let Self { homes, killed, size: Size { resources, every, moments }, tally, .. } = self;
        let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (home, command, took) = (homes.name(), killed.command(), began.elapsed().as_secs());
        for (kind, _) in kinds.into_iter().filter(|_| every != Every::No) {
            for side in homes.sides() {
                assert!(tally.at(kind, *side) > 0, "no run was killed {} a {}", side.word(), kind.word());
            }
        }
        assert!(tally.at_moments() >= moments, "{tally}");
        format!("{command} of {resources} resources, home in {home}, {took} s: {tally}")
    }

    /// What an undisturbed run writes. Measures it, too; the first one may have a plugin to compile.
    #[expect(clippy::disallowed_methods, reason = "the moment of a kill is real time")]
    fn undisturbed(&self) -> Vec<(Kind, usize)> {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let case = Case::new(self.homes, self.size.resources, LEASE);
            self.killed.prepare(&case);
            let before = case.home.writes().len();
            let began = Instant::now();
            case.run(&[self.killed.command(), "--yes"]).exits(0);
            let mut length = self.length();
            *length = length.min(began.elapsed());
            kinds = counts(&case.home.writes()[before..]);
        }
        kinds
    }

    fn kills(&self, kinds: &[(Kind, usize)]) -> Vec<Kill> {
        let mut kills = Vec::new();
        for (kind, count) in kinds {
            let numbers: Vec<usize> = match self.size.every {
                // Records that wait together share a piece: now and then there are more pieces.
                Every::Write | Every::Piece if *kind == Kind::Piece => (1..=count + count / 8).collect(),
                Every::Write => (1..=*count).collect(),
                Every::No => Vec::new(),
                Every::Piece | Every::Kind => {
                    let mut numbers = vec![1, count.div_ceil(2), *count];
                    numbers.dedup();
                    numbers
                }
            };
            for number in numbers {
                for side in self.homes.sides() {
                    kills.push(Kill::At(Boundary { kind: *kind, number, side: *side }));
                }
            }
        }
        // Multiples of the golden ratio fall evenly, and never twice on one spot. Some come too late: the next one counts.
        let moments = (1..).take(self.size.moments * 3);
        kills.extend(moments.map(|moment| Kill::After((f64::from(moment) * 0.618_033_988_75).fract())));
        kills
    }

    fn case(&self, kill: Kill) {
        if matches!(kill, Kill::After(_)) && self.tally().at_moments() >= self.size.moments {
            return;
        }
        let case = Case::new(self.homes, self.size.resources, LEASE);
        self.killed.prepare(&case);
        let run = case.apart(&[self.killed.command(), "--yes"]);
        let what = match kill {
            Kill::At(boundary) => {
                let output = case.home.killed_at(run, boundary);
                assert!([0, 128 + 9].contains(&output.exit), "{boundary}: {}", output.raw());
                let mut tally = self.tally();
                if output.exit == 0 {
                    tally.ended()
                } else {
                    tally.killed_at(boundary)
                }
                format!("{:?} {boundary}", self.killed)
            }
            Kill::After(part) => {
                let output = {
                    let mut length = self.length();
                    let run = case.home.reach(run).start();
                    std::thread::sleep(length.mul_f64(part));
                    let output = run.kill();
                    if output.exit == 0 {
                        // Runs are faster than the one that was measured.
                        *length = length.mul_f64(f64::midpoint(1.0, part));
                    }
                    output
                };
                assert!([0, 128 + 9].contains(&output.exit), "{part}: {}", output.raw());
                let objects = usize::try_from(case.remote.count().kept).expect("few");
                let mut tally = self.tally();
                if output.exit == 0 {
                    tally.ended()
                } else {
                    tally.killed_with(objects, case.resources)
                }
                format!("{:?} after {part} of the time", self.killed)
            }
        };
        let settled = self.killed.settle(&case, &what);
        self.tally().settled(settled);
    }

    fn length(&self) -> MutexGuard<'_, Duration> {
        self.length.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills the first run of a home on every side of the making of it.
fn first_use(homes: &dyn Homes) {
    std::thread::scope(|scope| {
        for side in homes.sides() {
            scope.spawn(|| {
                let case = Case::first(homes, 3, LEASE);
                let boundary = Boundary { kind: Kind::Home, number: 1, side: *side };
                let output = case.home.killed_at(case.apart(&["deploy", "--yes"]), boundary);
                assert_eq!(output.exit, 128 + 9, "{}", output.raw());
                Killed::Deploy.settle(&case, &boundary.to_string());
            });
        }
    });
}

/// Parts of the matrix that every run of the tests has time for.
const SMALL: Size = Size { resources: 12, every: Every::Piece, moments: 0 };
const MOMENTS: Size = Size { resources: 40, every: Every::No, moments: 20 };
const SAMPLE: Size = Size { resources: 12, every: Every::Kind, moments: 6 };
const FEW: Size = Size { resources: 12, every: Every::No, moments: 6 };
const WHOLE: Size = Size { resources: 100, every: Every::Write, moments: 200 };

#[test]
fn a_deploy_killed_at_every_boundary_is_settled_by_the_next() {
    println!("{}", Matrix::new(&Local::new(), Killed::Deploy, SMALL).run());
}

#[test]
fn a_destroy_killed_at_every_boundary_is_settled_by_the_next() {
    println!("{}", Matrix::new(&Local::new(), Killed::Destroy, SMALL).run());
}

#[test]
fn a_deploy_killed_at_any_moment_is_settled_by_the_next() {
    println!("{}", Matrix::new(&Local::new(), Killed::Deploy, MOMENTS).run());
}

#[test]
fn a_destroy_killed_at_any_moment_is_settled_by_the_next() {
    println!("{}", Matrix::new(&Local::new(), Killed::Destroy, MOMENTS).run());
}

#[test]
fn encrypted_as_a_whole_it_is_the_same() {
    for killed in [Killed::Deploy, Killed::Destroy] {
        Matrix::new(&Local::encrypted(), killed, SAMPLE).run();
    }
}

#[test]
fn with_a_home_in_a_bucket_it_is_the_same() {
    let homes = S3::new();
    // Nearly all of it is waiting for leases to end: both at once.
    std::thread::scope(|scope| {
        for (killed, size) in [(Killed::Deploy, SAMPLE), (Killed::Destroy, FEW)] {
            let matrix = Matrix::new(&homes, killed, size);
            scope.spawn(|| println!("{}", matrix.run()));
        }
    });
}

#[test]
fn a_first_run_killed_while_it_makes_the_home_is_settled_by_the_next() {
    first_use(&Local::new());
}

#[test]
#[ignore = "takes minutes: `make test-full`"]
fn the_same_with_a_home_in_a_bucket() {
    first_use(&S3::new());
}

#[test]
#[ignore = "takes minutes: `make test-full`"]
fn the_whole_matrix_of_a_hundred_resources() {
    for killed in [Killed::Deploy, Killed::Destroy] {
        println!("{}", Matrix::new(&Local::new(), killed, WHOLE).run());
    }
}

#[test]
#[ignore = "takes half an hour: `make test-full`"]
fn the_whole_matrix_with_a_home_in_a_bucket() {
    let homes = S3::new();
    for killed in [Killed::Deploy, Killed::Destroy] {
        println!("{}", Matrix::new(&homes, killed, WHOLE).run());
    }
}
