//! `refresh` after a killed run: settles what a read tells, and says what is left for a deploy.

use std::collections::BTreeMap;

use crate::boundary::{Boundary, Kind, Side};
use crate::case::{Case, Killed};
use crate::homes::{Homes, Local};

/// The writes of former runs that a command tells of, and what the next deploy does about each.
fn in_flight(case: &Case, args: &[&str]) -> BTreeMap<String, String> {
    let output = case.run(args).exits(0);
    let mut found = BTreeMap::new();
    for event in output.events_of("diagnostic") {
        let diagnostic = &event["diagnostic"];
        if diagnostic["summary"].as_str().is_some_and(|summary| summary.starts_with("a former run's")) {
            let text = |field: &str| diagnostic[field].as_str().unwrap_or_default().to_owned();
            found.insert(text("address"), text("hint"));
        }
    }
    found
}

#[test]
fn a_refresh_settles_what_a_read_tells() {
    let homes = Local::new();
    let (mut looked_up, mut left) = (0, 0);
    for number in 1.. {
        let case = Case::new(&homes as &dyn Homes, 3, None);
        let boundary = Boundary { kind: Kind::Piece, number, side: Side::Before };
        let output = case.home.killed_at(case.apart(&["deploy", "--yes"]), boundary);
        if output.exit == 0 {
            break;
        }
        let before = in_flight(&case, &["plan", "--format", "json"]);
        let (settled, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) =
            before.into_iter().partition(|(_, hint)| hint.contains("looks it up"));
        let made = case.remote.count();
        assert_eq!(in_flight(&case, &["refresh", "--format", "json"]), waiting, "{boundary}");
        assert_eq!(case.remote.count(), made, "{boundary}: it only reads");
        assert_eq!(in_flight(&case, &["plan", "--format", "json"]), waiting, "{boundary}");
        let state = case.run(&["state", "list"]).exits(0);
        for address in settled.keys() {
            state.says(address);
        }
        (looked_up, left) = (looked_up + settled.len(), left + waiting.len());
        Killed::Deploy.settle(&case, &boundary.to_string());
    }
    assert!(looked_up > 0 && left > 1, "{looked_up} and {left}");
}
