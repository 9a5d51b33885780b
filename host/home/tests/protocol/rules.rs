//! The rules that make the protocol safe, so that a model can leave one out, and the sizes of a model.

/// One rule. A model without it must have a counterexample, or the rule is not needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// A takeover of a lease that was not released creates a fence before anything else.
    Fence,
    /// Compaction leaves the fences.
    KeepFences,
    /// A lease is not marked released while a request to the log may still arrive.
    ReleaseSettled,
    /// A lease is not marked released before the fence that its takeover owes.
    ReleaseFenced,
    /// A piece is created exclusively, not after a look at the name.
    Exclusive,
    /// The tokens are listed again after the new one was created.
    ListAgain,
    /// A snapshot counts once a base names it, instead of replacing the one before in place.
    CommitByBase,
    /// Where the fence's number is taken, the log is read again.
    ReadAgain,
    /// The own clock is looked at after the log was read, directly before a piece is created.
    ClockLast,
    /// A lease that lapsed by the own clock stays so, whatever a later heartbeat answers.
    LapseIsFinal,
    /// A token is removed only once the one behind it is older than any taking may last.
    TokensWait,
    /// Pieces name the token of their writer, and a run stops at a higher one than its own.
    TokensInLog,
    /// The log begins with a base, made with the stage, and a load that finds no base begins again.
    BaseFirst,
    /// A load reads downwards and its base last: while that is there, nothing behind it was removed.
    BaseLast,
    /// Compaction removes the oldest piece first.
    RemoveUpwards,
    /// The log is read after the fence was created, not only before.
    LoadAfterFence,
    /// What is read then has to end with the fence; otherwise the run fences again.
    FenceIsLast,
}

/// How exact a listing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    /// All at one moment.
    Atomic,
    /// In the order of the names, each at its moment: a bucket.
    Ordered,
    /// What existed all the time is in it, what did not exist is not, the rest may be: a directory.
    Loose,
}

/// What clocks are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clocks {
    /// Who finds its own lease valid has not been found expired by anybody yet.
    Sound,
    /// Anybody may be found expired at any time and does not notice: a clock stood still while its machine slept, or
    /// the lease was taken by force.
    Useless,
}

/// One model: rules, surroundings and sizes.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// A bit for each rule that holds.
    pub rules: u32,
    pub listing: Listing,
    pub clocks: Clocks,
    pub writers: u8,
    pub readers: u8,
    /// Requests that are answered to nobody or arrive twice.
    pub faults: u8,
    /// Of each run.
    pub heartbeats: u8,
    /// Of each run.
    pub operations: u8,
    /// Of each run.
    pub compactions: u8,
    /// Whether a holder removes old tokens.
    pub token_removals: u8,
}

impl Protocol {
    /// All rules.
    pub fn new(writers: u8, readers: u8) -> Self {
        Self {
            rules: u32::MAX,
            listing: Listing::Loose,
            clocks: Clocks::Sound,
            writers,
            readers,
            faults: 1,
            heartbeats: 0,
            operations: 1,
            compactions: 1,
            token_removals: 1,
        }
    }

    pub fn without(self, rule: Rule) -> Self {
        Self { rules: self.rules & !(1 << rule as u32), ..self }
    }

    pub fn has(&self, rule: Rule) -> bool {
        self.rules & (1 << rule as u32) != 0
    }
}
