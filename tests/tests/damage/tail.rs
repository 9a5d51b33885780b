//! The journal of a run that was cut off, damaged at its end and in its middle. What can still be read is kept; of what
//! is gone the tool says what it was, and where it says nothing, nothing is lost: every object is there once.

use std::collections::BTreeSet;

use cofferdam_tests::{Kept, Output};

use crate::home::{Home, Objects};
use crate::project::OBJECTS;
use crate::table::Table;

/// What is made and not answered when the run is killed.
const HELD: [&str; 2] = ["thing-0", "thing-1"];

/// A home whose run was killed, and the service that it left.
struct CutOff {
    home: Home,
    objects: Objects,
    kept: Kept,
    /// The pieces of the journal with records, in order.
    pieces: Vec<String>,
}

impl CutOff {
    /// With writes in flight whose objects were made, and with others that have ended.
    fn new(home: Home, held: &[&'static str]) -> Self {
        home.project.hold(held);
        let mut run = home.cofferdam(&["deploy", "--yes", "--parallelism", "3"]).start();
        // The held ones take two of three places; the others have ended when this is said.
        if held.len() < OBJECTS {
            for i in held.len()..OBJECTS {
                run.until(&format!("r{i}: created"));
            }
        } else {
            home.project.server_has(3);
        }
        assert_eq!(run.kill().exit, 128 + 9);
        home.project.hold(&[]);
        home.project.gate.open();
        home.unlock();
        let (objects, kept) = (home.objects(), home.project.service.kept());
        let has_records = |name: &String| is_piece(name) && records(&objects[name]).next().is_some();
        let pieces = objects.keys().filter(|name| has_records(name)).cloned().collect();
        Self { home, objects, kept, pieces }
    }

    fn reset(&self) {
        self.home.put_back(&self.objects);
        self.home.project.service.put_back(&self.kept);
    }

    /// Damages the journal, and expects that it is refused, repaired, and gone on from; what was said to be lost.
    fn mended(&self, piece: &str, content: Option<&[u8]>, what: &str) -> (Output, Vec<String>) {
        self.reset();
        let home = &self.home;
        match content {
            Some(content) => home.put(piece, content),
            None => home.delete(piece),
        }
        let (before, requests) = (home.written(), home.project.requests());
        for args in [&["plan"][..], &["deploy", "--yes"]] {
            let refused = home.run(args);
            assert_eq!(refused.exit, 1, "{what}: {}", refused.raw());
            let says = |text: &str| assert!(refused.stderr.contains(text), "{what}, {text}: {}", refused.raw());
            // The piece itself, or where it is missing or nothing of it can be read, the one that does not fit to it.
            says("/journal/");
            says("is damaged");
            says("`cofferdam state verify`");
            says("`cofferdam state repair`");
        }
        assert_eq!((home.written(), home.project.requests()), (before, requests), "{what}: something was changed");
        let verify = home.run(&["state", "verify"]);
        assert_eq!(verify.exit, 1, "{what}: {}", verify.raw());
        let repair = home.run(&["state", "repair", "--yes", "--format", "json"]);
        assert_eq!(repair.exit, 0, "{what}: {}", repair.raw());
        let lost = repair.events_of("repair").remove(0)["lost"].clone();
        let words = lost.as_array().expect("a list").iter().map(|lost| lost["words"].as_str().unwrap_or_default());
        let words: Vec<String> = words.map(str::to_owned).collect();
        assert_eq!(home.run(&["state", "verify"]).exit, 0, "{what}");
        (self.goes_on(what), words)
    }

    /// One more deploy.
    fn goes_on(&self, what: &str) -> Output {
        let deployed = self.home.run(&["deploy", "--yes"]);
        assert_eq!(deployed.exit, 0, "{what}: {}", deployed.raw());
        let plan = self.home.run(&["plan", "--exit-code", "--refresh", "all"]);
        assert_eq!(plan.exit, 0, "{what}: {}", plan.raw());
        deployed
    }

    /// The names of objects of which no record is left: neither that a write of them was about to begin, nor what came
    /// of it.
    fn forgotten(&self, piece: &str, kept: &[u8]) -> BTreeSet<String> {
        // A piece that the run was about to write, and that nobody reads, is there under another name.
        let journal = self.objects.iter().filter(|(name, _)| is_piece(name));
        let left = journal.flat_map(|(name, content)| records(if name == piece { kept } else { content }));
        let left: BTreeSet<String> = left.map(|(_, address)| address).collect();
        records(&self.objects[piece]).map(|(_, address)| address).filter(|address| !left.contains(address)).collect()
    }
}

fn is_piece(name: &str) -> bool {
    name.contains("/journal/") && name.ends_with(".jsonl")
}

/// The whole lines of a piece that tell of a write: the kind, and the resource.
fn records(content: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    let whole = content.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"}\n"));
    whole.filter_map(|line| {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        let (kind, record) = line["r"].as_object()?.iter().next()?;
        let told = matches!(kind.as_str(), "intent" | "result");
        let address = record["address"].as_str().filter(|address| told && address.starts_with("web_"))?;
        Some((kind.clone(), address.to_owned()))
    })
}

/// Where a text is cut: at every so many bytes, and around the ends of its lines.
fn ends(content: &[u8], step: usize) -> BTreeSet<usize> {
    let borders = (1..content.len()).filter(|at| content[at - 1] == b'\n');
    let around = borders.flat_map(|at| [at - 1, at, at + 1]).filter(|at| *at < content.len());
    (0..content.len()).step_by(step).chain(around).chain([content.len() - 1]).collect()
}

/// Cuts a piece at many places.
fn every_cut(cut_off: &CutOff, piece: &str, step: usize) -> usize {
    let whole = cut_off.objects[piece].clone();
    let ends = ends(&whole, step);
    for end in &ends {
        let what = format!("{piece} cut at {end} of {}", whole.len());
        let (deployed, lost) = cut_off.mended(piece, Some(&whole[..*end]), &what);
        let forgotten = cut_off.forgotten(piece, &whole[..*end]);
        let (kept, twice) = cut_off.home.project.service.totals();
        // What nobody knows of was made again, and nothing else. A line without its end may still be known by the one
        // behind it, which was made from it.
        let whole_lines = end == &0 || whole[end - 1] == b'\n';
        let fits = twice == forgotten.len() || (twice < forgotten.len() && !whole_lines);
        assert!(fits, "{what}: {twice} twice, forgotten {forgotten:?}, {lost:?}: {}", deployed.raw());
        assert_eq!(kept, OBJECTS + twice, "{what}: {lost:?} {}", deployed.raw());
        assert!(lost.iter().any(|words| words.contains("whatever else stood")), "{what}: {lost:?}");
    }
    ends.len()
}

/// Flips a bit of a piece at many places.
fn every_flip(cut_off: &CutOff, piece: &str, step: usize) -> usize {
    let whole = cut_off.objects[piece].clone();
    let places: Vec<usize> = (0..whole.len() - 1).step_by(step).collect();
    for at in &places {
        let what = format!("{piece} flipped at {at} of {}", whole.len());
        let mut bad = whole.clone();
        bad[*at] ^= 1;
        let (deployed, lost) = cut_off.mended(piece, Some(&bad), &what);
        let line = whole[..*at].iter().filter(|byte| **byte == b'\n').count();
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let left = [lines[..line].concat(), lines[line + 1..].concat()].concat();
        let forgotten = cut_off.forgotten(piece, &left).len();
        let (kept, twice) = cut_off.home.project.service.totals();
        // A line may still be known by the one behind it, which was made from it.
        assert!(twice <= forgotten && kept == OBJECTS + twice, "{what}: {kept}, {twice}: {}", deployed.raw());
        assert!(twice <= lost.len(), "{what}: {lost:?}");
    }
    places.len()
}

fn run(cut_off: &CutOff, step: usize, pieces: impl Fn(usize) -> bool) {
    let kind = cut_off.home.name();
    let head = ["piece", "what it tells", "cut at", "flipped at", "missing", "objects after the next deploy"];
    let mut table = Table::new(&format!("The journal of a run that was killed, in a {kind}"), &head);
    let last = cut_off.pieces.len() - 1;
    for (i, piece) in cut_off.pieces.iter().enumerate().filter(|(i, _)| pieces(last - i)) {
        let told: Vec<String> =
            records(&cut_off.objects[piece]).map(|(kind, of)| format!("{kind} of `{of}`")).collect();
        let (cuts, flips) = (every_cut(cut_off, piece, step), every_flip(cut_off, piece, step));
        let newest = cut_off.objects.keys().rfind(|name| is_piece(name)) == Some(piece);
        let missing = missing(cut_off, piece, newest && kind == "directory");
        let place = format!("{} of {}", i + 1, last + 1);
        let after = format!("{OBJECTS} of {OBJECTS}, 0 twice; what no record is left of, once more");
        table.row(&[&place, &told.join(", "), &format!("{cuts} places"), &format!("{flips} places"), &missing, &after]);
    }
    table.print();
}

/// A piece that is gone is missed by the one behind it. The last one is not: it is as if the run had been killed before.
fn missing(cut_off: &CutOff, piece: &str, is_last: bool) -> String {
    let forgotten = cut_off.forgotten(piece, b"").len();
    let what = format!("{piece} missing");
    if is_last {
        cut_off.reset();
        cut_off.home.delete(piece);
        cut_off.goes_on(&what);
    } else {
        let (_, lost) = cut_off.mended(piece, None, &what);
        assert!(lost.iter().any(|words| words.contains("every record of")), "{what}: {lost:?}");
    }
    assert_eq!(cut_off.home.project.service.totals(), (OBJECTS + forgotten, forgotten), "{what}");
    if is_last { "not seen: the run might have been killed before it".to_owned() } else { "named, mended".to_owned() }
}

#[test]
fn the_journal_of_a_killed_run_is_mended_in_a_directory() {
    run(&CutOff::new(Home::local(""), &HELD), 401, |_| true);
}

#[test]
fn the_journal_of_a_killed_run_is_mended_in_a_bucket() {
    // The last but one: there is something behind it.
    run(&CutOff::new(Home::bucket(""), &HELD), 1501, |from_end| from_end == 1);
}

#[test]
#[ignore = "takes minutes: `make test-full`"]
fn the_journal_of_a_killed_run_is_mended_at_every_byte() {
    let cut_off = CutOff::new(Home::local(""), &HELD);
    let last = cut_off.pieces.last().expect("there are pieces").clone();
    println!("cut at {} places", every_cut(&cut_off, &last, 1));
    run(&cut_off, 17, |_| true);
    // Every write is in flight: the last piece has nothing but what is about to begin.
    let cut_off = CutOff::new(Home::local(""), &["thing-0", "thing-1", "thing-2", "thing-3", "thing-4", "thing-5"]);
    run(&cut_off, 17, |_| true);
    run(&CutOff::new(Home::bucket(""), &HELD), 301, |_| true);
}
