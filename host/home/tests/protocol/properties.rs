//! What must never happen, and what must happen somewhere for the model to say anything.

/// A property that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// A piece replaced another, or stands behind a gap.
    Forked,
    /// Somebody who read everything at this moment would not get all records, in their order.
    Unreadable,
    /// A run was told that its record is durable, and no reader will see it.
    LostRecord,
    /// A run goes on from a log that never was.
    FalseView,
    /// A piece became part of the log although its writer did not know all that stands before it.
    OutdatedView,
    /// A piece became part of the log after a later holder's takeover was complete.
    Unfenced,
    /// A load gave a log that never was, or missed what was durable before it began.
    WrongLoad,
    /// A call started whose intent is not in the log.
    CallWithoutIntent,
    /// A run found its lease valid and began a call although another run had taken it.
    CallWithoutLease,
    /// A run took the lease although a higher token existed before it listed again.
    TwoHolders,
    /// Two operations for one resource at once.
    TwoOperations,
}

macro_rules! sightings {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Something that some path of a model has to show.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Sighting { $($(#[$doc])* $name),* }

        impl Sighting {
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

sightings! {
    /// A lease was taken after its release.
    Succession,
    /// A fence ended the lease of a run that did not release it.
    Takeover,
    /// A run found its number taken by another run.
    FencedAppend,
    /// A taker found the number of its fence taken.
    FenceLost,
    /// A request arrived after its sender had gone on.
    LateArrival,
    /// A creation arrived after another run had taken over.
    StaleArrival,
    /// A piece was created under a number that compaction had removed.
    Hole,
    /// A token was created below the highest.
    TokenHole,
    /// A base lost its number to another run.
    BaseLost,
    /// A base of a run that was no longer the highest became part of the log.
    BaseWon,
    /// The second listing stopped a run.
    SecondListing,
    /// A creation without an answer was found under its name.
    AnswerFound,
    /// A creation without an answer was tried again.
    Retried,
    /// An operation was continued by another run.
    Continued,
    /// A call started that was decided on before another run took over.
    StaleCall,
    /// A load began again because something was removed or incomplete.
    LoadAgain,
    /// A load or taking was too slow for a removal.
    Overdue,
    /// A late heartbeat brought back a removed token or took back a release.
    Revived,
}

/// A set of sightings.
#[derive(Clone, Copy, Default)]
pub struct Sightings(u32);

impl Sightings {
    pub fn add(&mut self, sighting: Sighting) {
        self.0 |= 1 << sighting as u32;
    }

    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub fn missing(self, wanted: &[Sighting]) -> Vec<Sighting> {
        wanted.iter().copied().filter(|sighting| self.0 & (1 << *sighting as u32) == 0).collect()
    }
}
