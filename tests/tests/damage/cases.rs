//! Every kind of object of a home that is settled, damaged in every way: what is needed is never worked with, and is
//! named with what to do; `state repair` goes on from what is whole, and afterwards every object is there once.

use std::fmt::Write as _;

use cofferdam_tests::Output;

use crate::home::{Home, Objects, shown};
use crate::project::OBJECTS;
use crate::table::Table;

/// Uses the secret that the stage has.
const SECRET: &str = "\nresource \"null_resource\" \"api\" {\n  triggers = {\n    key = secret(\"api\")\n  }\n}\n";

/// An object of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    HomeFile,
    Keyring,
    Secrets,
    OldSnapshot,
    Snapshot,
    Base,
    Lease,
    AllLeases,
}

impl Object {
    const ALL: [Self; 8] = [
        Self::HomeFile,
        Self::Keyring,
        Self::Secrets,
        Self::OldSnapshot,
        Self::Snapshot,
        Self::Base,
        Self::Lease,
        Self::AllLeases,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::HomeFile => "home.json",
            Self::Keyring => "the keyring",
            Self::Secrets => "the list of secrets",
            Self::OldSnapshot => "a snapshot of the history",
            Self::Snapshot => "the current snapshot",
            Self::Base => "the journal, which is one piece",
            Self::Lease => "the newest lease",
            Self::AllLeases => "all leases",
        }
    }

    /// Its names; a newer one replaces the list of secrets and the keyring.
    fn names(self, objects: &Objects) -> Vec<String> {
        let of = |part: &str| -> Vec<String> {
            let names = objects.keys().filter(|name| name.contains(part) && !name.ends_with(".lock"));
            names.cloned().collect()
        };
        let newest = |part: &str| of(part).pop().into_iter().collect();
        match self {
            Self::HomeFile => of("home.json"),
            Self::Keyring => newest("keys/"),
            Self::Secrets => newest("/secrets/"),
            Self::OldSnapshot => of("/states/").into_iter().take(1).collect(),
            Self::Snapshot => newest("/states/"),
            Self::Base => newest("/journal/"),
            Self::Lease => newest("/lease/"),
            Self::AllLeases => of("/lease/"),
        }
    }

    /// What becomes of it.
    fn fate(self, harm: Harm) -> Fate {
        match (self, harm) {
            (Self::HomeFile | Self::Snapshot | Self::Base, _) | (Self::AllLeases, Harm::Missing) => Fate::Mended,
            (Self::Keyring, _) => Fate::PutBack,
            (Self::Secrets, Harm::Missing) => Fate::SetAgain,
            (Self::Secrets, _) => Fate::MendedAndSetAgain,
            // That it ever was there is nowhere else; nobody needs it.
            (Self::OldSnapshot | Self::Lease, Harm::Missing) => Fate::NotMissed,
            (Self::OldSnapshot, _) => Fate::Aside,
            (Self::Lease | Self::AllLeases, _) => Fate::Followed,
        }
    }
}

/// How an object is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Empty,
    Cut,
    Flipped,
    Missing,
}

impl Harm {
    const ALL: [Self; 4] = [Self::Empty, Self::Cut, Self::Flipped, Self::Missing];

    fn words(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Cut => "cut in half",
            Self::Flipped => "a bit flipped",
            Self::Missing => "missing",
        }
    }

    fn to(self, home: &Home, name: &str) {
        let mut content = home.get(name);
        let middle = content.len() / 2;
        match self {
            Self::Empty => content.clear(),
            Self::Cut => content.truncate(middle),
            Self::Flipped => content[middle] ^= 1,
            Self::Missing => return home.delete(name),
        }
        home.put(name, &content);
    }
}

/// What becomes of a damaged object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Commands stop and name it; a repair mends it, and nothing is lost.
    Mended,
    /// The same, and its secrets have to be set again.
    MendedAndSetAgain,
    /// Commands stop and say what is not there; it is set again.
    SetAgain,
    /// Commands stop and name it; only the object itself helps.
    PutBack,
    /// Nothing needs it; a repair moves it aside.
    Aside,
    /// The next run goes on behind it.
    Followed,
    /// Nobody sees it.
    NotMissed,
}

impl Fate {
    /// Whether commands stop.
    fn stops(self) -> bool {
        matches!(self, Self::Mended | Self::MendedAndSetAgain | Self::SetAgain | Self::PutBack)
    }

    /// Whether `state verify` finds it.
    fn is_found(self) -> bool {
        !matches!(self, Self::SetAgain | Self::NotMissed)
    }

    fn words(self) -> &'static str {
        match self {
            Self::SetAgain => "the secrets of the stage: set them again",
            Self::PutBack => "nothing once the object is put back; without it, secret values",
            Self::Followed => "nothing: the next run follows by itself",
            Self::Mended | Self::MendedAndSetAgain | Self::Aside | Self::NotMissed => "nothing",
        }
    }
}

#[test]
fn whatever_is_damaged_in_a_directory_is_named_and_mended() {
    let told = every_case(&Home::local(SECRET), &Harm::ALL);
    insta::assert_snapshot!("directory", told);
}

#[test]
fn whatever_is_damaged_in_a_bucket_is_named_and_mended() {
    let told = every_case(&Home::bucket(SECRET), &[Harm::Empty, Harm::Flipped]);
    insta::assert_snapshot!("bucket", told);
}

#[test]
#[ignore = "the rest of the other one: `make test-full`"]
fn whatever_is_cut_or_missing_in_a_bucket_is_named_and_mended() {
    every_case(&Home::bucket(SECRET), &[Harm::Cut, Harm::Missing]);
}

/// Goes through all of them; what people are told.
fn every_case(home: &Home, harms: &[Harm]) -> String {
    drop(home.run(&["secret", "set", "api", "correct-horse"]).exits(0));
    for size in ["1", "2"] {
        drop(home.run(&["deploy", "--yes", "--var", &format!("size={size}")]).exits(0));
    }
    let (objects, kept) = (home.objects(), home.project.service.kept());
    let mut table = Table::new(
        &format!("A settled home in a {}", home.name()),
        &[
            "object",
            "damage",
            "`plan` and `deploy`",
            "`state verify`",
            "`state repair`",
            "lost",
            "objects after the next deploy",
        ],
    );
    let mut told = String::new();
    for object in Object::ALL {
        for harm in harms {
            home.put_back(&objects);
            home.project.service.put_back(&kept);
            let _ = writeln!(told, "# {}: {}\n", object.words(), harm.words());
            told += &case(home, &objects, object, *harm, &mut table);
        }
    }
    table.print();
    told
}

/// One damage; what people are told of it.
fn case(home: &Home, objects: &Objects, object: Object, harm: Harm, table: &mut Table) -> String {
    let fate = object.fate(harm);
    let what = format!("{}, {}, {fate:?}", object.words(), harm.words());
    let names = object.names(objects);
    assert!(!names.is_empty(), "{what}: there is none");
    names.iter().for_each(|name| harm.to(home, name));
    let before = home.written();
    let requests = home.project.requests();

    let plan = home.run(&["plan", "--var", "size=2"]);
    // A lease that cannot be read belongs to somebody until it is old, or until he who knows better takes it.
    if fate == Fate::Followed {
        home.unlock();
    }
    let deploy = home.run(&["deploy", "--yes", "--var", "size=2"]);
    let mut told = String::new();
    for output in [&plan, &deploy] {
        // With all leases gone it is the one who writes that finds out.
        let looks = object == Object::AllLeases && output.exit == 0;
        assert_eq!(output.exit != 0, fate.stops() && !looks, "{what}: {}", output.raw());
    }
    if fate.stops() {
        assert_eq!(home.written(), before, "{what}: something was written: {}", deploy.raw());
        assert_eq!(home.project.requests(), requests, "{what}: {}", deploy.raw());
        told += &shown(&deploy.shown());
    } else {
        told += "(nothing stops)\n";
    }
    home.project.is_whole(&what, &deploy);

    let verify = home.run(&["state", "verify"]);
    assert_eq!(verify.exit == 1, fate.is_found(), "{what}: {}", verify.raw());
    let repair = home.run(&["state", "repair", "--yes"]);
    told += &shown(&repair.shown());
    told += "\n";
    if fate == Fate::PutBack {
        assert_eq!(repair.exit, 1, "{what}: {}", repair.raw());
        names.iter().for_each(|name| home.put(name, &objects[name]));
    } else {
        assert_eq!(repair.exit, 0, "{what}: {}", repair.raw());
    }
    if fate == Fate::Mended {
        assert_eq!(lost(&repair, fate), "nothing", "{what}: {}", repair.raw());
    }
    if matches!(fate, Fate::SetAgain | Fate::MendedAndSetAgain) {
        drop(home.run(&["secret", "set", "api", "correct-horse"]).exits(0));
    }
    if !matches!(object, Object::Lease | Object::AllLeases) {
        drop(home.run(&["state", "verify"]).exits(0));
    }
    let again = home.run(&["deploy", "--yes", "--var", "size=2"]).exits(0);
    home.project.is_whole(&what, &again);
    drop(home.run(&["plan", "--exit-code", "--refresh", "all", "--var", "size=2"]).exits(0));

    let (kept, twice) = home.project.service.totals();
    let after = format!("{kept} of {OBJECTS}, {twice} twice");
    table.row(&[
        object.words(),
        harm.words(),
        &said(&deploy),
        &found(&verify),
        &mended(&repair),
        &lost(&repair, fate),
        &after,
    ]);
    told
}

/// What a command says first.
pub fn said(output: &Output) -> String {
    match output.stderr.lines().find_map(|line| line.split_once("error: ")) {
        Some((_, text)) => format!("exit {}: {}", output.exit, shown(&output.shown_of(text))),
        None => format!("exit {}", output.exit),
    }
}

fn found(verify: &Output) -> String {
    let mut lines = verify.stdout.lines().filter(|line| line.contains("  damaged  ") || line.contains("  locked  "));
    let found = lines.next().map(|line| shown(line.trim()));
    match (verify.exit, found) {
        (0, _) => "whole".to_owned(),
        (_, Some(line)) => format!("exit 1: {line}"),
        (_, None) => said(verify),
    }
}

/// What the repair says is lost.
fn lost(repair: &Output, fate: Fate) -> String {
    let lines = repair.stdout.lines().skip_while(|line| *line != "Lost:").skip(1).take_while(|line| !line.is_empty());
    let lost: Vec<String> = lines.map(|line| shown(&repair.shown_of(line.trim()))).collect();
    if lost.is_empty() { fate.words().to_owned() } else { lost.join("; ") }
}

fn mended(repair: &Output) -> String {
    match repair.exit {
        0 if repair.stderr.contains("written anew") => "mended".to_owned(),
        0 if repair.stderr.contains("nothing was changed") => "nothing to do".to_owned(),
        0 => "mended".to_owned(),
        _ => said(repair),
    }
}
