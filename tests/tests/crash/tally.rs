//! The counts of a matrix.

use std::collections::BTreeMap;
use std::fmt;

use crate::boundary::{Boundary, Kind, Side};
use crate::case::Settled;

/// What came of the runs.
#[derive(Default)]
pub struct Tally {
    /// Killed at a boundary.
    boundaries: BTreeMap<(Kind, Side), usize>,
    /// Killed at a moment, by how much of the objects was there, in quarters; the last for all of them.
    moments: [usize; 6],
    /// Runs that ended before their boundary or moment came.
    ended: usize,
    settled: Settled,
}

impl Tally {
    pub fn killed_at(&mut self, boundary: Boundary) {
        *self.boundaries.entry((boundary.kind, boundary.side)).or_default() += 1;
    }

    /// There were so many of so many objects at that moment.
    pub fn killed_with(&mut self, objects: usize, of: usize) {
        let part = match objects {
            0 => 0,
            objects if objects >= of => 5,
            objects => 1 + objects * 4 / of,
        };
        self.moments[part] += 1;
    }

    pub fn ended(&mut self) {
        self.ended += 1;
    }

    pub fn settled(&mut self, settled: Settled) {
        let Settled { read, resumed, repeated } = settled;
        self.settled.read += read;
        self.settled.resumed += resumed;
        self.settled.repeated += repeated;
    }

    /// How often a run was killed on this side of such a write.
    pub fn at(&self, kind: Kind, side: Side) -> usize {
        self.boundaries.get(&(kind, side)).copied().unwrap_or_default()
    }

    /// How often a run was killed at a moment.
    pub fn at_moments(&self) -> usize {
        self.moments.iter().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_boundaries: usize = self.boundaries.values().sum();
        let (at_moments, Settled { read, resumed, repeated }) = (self.at_moments(), self.settled);
        let runs = at_boundaries + at_moments + self.ended;
        writeln!(
            f,
            "{runs} runs: {at_boundaries} killed at boundaries, {at_moments} at moments, {} ended before",
            self.ended
        )?;
        for kind in Kind::ALL {
            let sides: Vec<_> = [Side::Before, Side::After, Side::Late]
                .into_iter()
                .filter(|side| self.at(kind, *side) > 0)
                .map(|side| format!("{} {}", self.at(kind, side), side.word()))
                .collect();
            if !sides.is_empty() {
                writeln!(f, "  {}: {}", kind.word(), sides.join(", "))?;
            }
        }
        if at_moments > 0 {
            let [none, first, second, third, fourth, all] = self.moments;
            writeln!(
                f,
                "  moments, by how many objects there were: none {none}, up to a quarter {first}, a half {second}, \
                         three quarters {third}, nearly all {fourth}, all {all}"
            )?;
        }
        writeln!(f, "  writes cut off: {read} read or looked up, {resumed} resumed, {repeated} made again")?;
        write!(f, "  afterwards: 0 duplicates, 0 orphans, 0 manual steps")
    }
}
