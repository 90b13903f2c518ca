//! The table of the house: which crates there are, and what each must never import.
//!
//! It is the "never imports" column of DESIGN section 3 in code, with a reason for each ban. A
//! new crate takes its place here before it builds in CI.
//!
//! How the bans are meant:
//! - *Normal and build dependencies* are held to them directly and through anything in between,
//!   over all features and platforms.
//! - *Dev-dependencies* are held to them as well where they name a crate of ours: tests of the
//!   queue that spoke to one store by name would prove it on that store alone. They take
//!   [`Place::DevOnly`] crates instead, and what needs real stores is tested from the binary.
//!   Third-party dev-dependencies are free: `proptest` brings randomness to the tests of core.
//! - *Drivers* are forbidden to core, but not to the other side's store: cargo unites the features
//!   of the whole workspace, so `refinery`, which both stores use, shows the driver of each to both.

/// A crate of the workspace, and its place among the others.
pub struct Rule {
    /// The crate's name, which is also its folder's.
    pub name: &'static str,
    /// Who may depend on it.
    pub place: Place,
    /// What it must never import.
    pub bans: &'static [Ban],
}

/// Who may depend on a crate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Any crate that is not forbidden to.
    Anywhere,
    /// Tests alone: it is only ever a dev-dependency.
    DevOnly,
}

/// Crates that a rule forbids, and why.
pub struct Ban {
    /// What is forbidden.
    pub what: Forbidden,
    /// Why, as the end of "… is forbidden: ".
    pub reason: &'static str,
}

/// The object of a ban.
#[derive(Clone, Copy)]
pub enum Forbidden {
    /// These crates.
    Crates(&'static [&'static str]),
    /// Every crate of the workspace, also one that is still to come.
    Ours,
    /// Every crate.
    Everything,
}

const STORES: Forbidden = Forbidden::Crates(&["longshore-postgres", "longshore-sqlite"]);
const EXECUTORS: Forbidden = Forbidden::Crates(&["longshore-docker", "longshore-process"]);
const QUEUE: Forbidden = Forbidden::Crates(&["longshore-queue"]);
const SERVER: Forbidden = Forbidden::Crates(&["longshore-server"]);
const RUNTIMES: Forbidden = Forbidden::Crates(&["async-std", "smol", "tokio"]);
const RANDOMNESS: Forbidden = Forbidden::Crates(&["fastrand", "getrandom", "rand"]);
const NETWORK: Forbidden = Forbidden::Crates(&["hyper", "reqwest"]);
const DRIVERS: Forbidden = Forbidden::Crates(&[
    "deadpool",
    "deadpool-postgres",
    "rusqlite",
    "tokio-postgres",
]);
const POSTGRES: Forbidden = Forbidden::Crates(&["longshore-postgres"]);
const SQLITE: Forbidden = Forbidden::Crates(&["longshore-sqlite"]);

const fn ban(what: Forbidden, reason: &'static str) -> Ban {
    Ban { what, reason }
}

/// Every crate of the workspace, including those which are still to come.
pub const TABLE: &[Rule] = &[
    Rule {
        name: "longshore-core",
        place: Place::Anywhere,
        bans: &[
            ban(
                RUNTIMES,
                "decisions are plain functions and run under any runtime, or none",
            ),
            ban(DRIVERS, "core names the `Store` trait, never a database"),
            ban(
                RANDOMNESS,
                "the same facts give the same plan; chance comes in as an argument",
            ),
            ban(NETWORK, "core does no I/O"),
        ],
    },
    Rule {
        name: "longshore-postgres",
        place: Place::Anywhere,
        bans: &[
            ban(
                SQLITE,
                "stores know nothing of each other, so that each can be replaced",
            ),
            ban(QUEUE, "a store compares and sets; the queue decides"),
            ban(SERVER, "a store does not know who asks"),
            ban(EXECUTORS, "a store never touches containers"),
        ],
    },
    Rule {
        name: "longshore-sqlite",
        place: Place::Anywhere,
        bans: &[
            ban(
                POSTGRES,
                "stores know nothing of each other, so that each can be replaced",
            ),
            ban(QUEUE, "a store compares and sets; the queue decides"),
            ban(SERVER, "a store does not know who asks"),
            ban(EXECUTORS, "a store never touches containers"),
        ],
    },
    Rule {
        name: "longshore-process",
        place: Place::Anywhere,
        bans: &[
            ban(STORES, "an executor keeps no state in the database"),
            ban(QUEUE, "an executor carries out; the queue decides"),
            ban(SERVER, "an executor does not know who asks"),
        ],
    },
    Rule {
        name: "longshore-docker",
        place: Place::Anywhere,
        bans: &[
            ban(STORES, "an executor keeps no state in the database"),
            ban(QUEUE, "an executor carries out; the queue decides"),
            ban(SERVER, "an executor does not know who asks"),
        ],
    },
    Rule {
        name: "longshore-queue",
        place: Place::Anywhere,
        bans: &[
            ban(
                STORES,
                "the queue speaks to the `Store` trait, so that every store can serve it",
            ),
            ban(
                EXECUTORS,
                "the queue speaks to the `Executor` trait, so that every executor can serve it",
            ),
        ],
    },
    Rule {
        name: "longshore-server",
        place: Place::Anywhere,
        bans: &[
            ban(
                STORES,
                "the server speaks to the `Store` trait; the binary chooses",
            ),
            ban(EXECUTORS, "the server starts no containers"),
            ban(QUEUE, "the server must answer while no worker runs"),
        ],
    },
    Rule {
        name: "longshore-fault",
        place: Place::Anywhere,
        bans: &[ban(
            Forbidden::Everything,
            "every crate may name a fault point, so this one stands below them all",
        )],
    },
    Rule {
        name: "longshore-history",
        place: Place::Anywhere,
        bans: &[ban(
            Forbidden::Ours,
            "the checker must not share code with what it checks",
        )],
    },
    Rule {
        name: "longshore-testkit",
        place: Place::DevOnly,
        bans: &[
            ban(STORES, "a conformance suite takes the store it is given"),
            ban(
                EXECUTORS,
                "a conformance suite takes the executor it is given",
            ),
        ],
    },
    Rule {
        name: "longshore-races",
        place: Place::DevOnly,
        bans: &[
            ban(
                QUEUE,
                "it compiles the queue's sources itself; linked too, there would be two of each",
            ),
            ban(EXECUTORS, "it compiles the permit pool's source itself"),
            ban(STORES, "no real store can be put under its scheduler"),
        ],
    },
    Rule {
        name: "longshore-client",
        place: Place::Anywhere,
        bans: &[
            ban(STORES, "a client speaks HTTP alone"),
            ban(EXECUTORS, "a client starts no containers"),
            ban(QUEUE, "a client asks; it works on nothing"),
        ],
    },
    // Free to import, but no place for logic:
    Rule {
        name: "xtask",
        place: Place::Anywhere,
        bans: &[],
    },
    Rule {
        name: "longshore",
        place: Place::Anywhere,
        bans: &[],
    },
];
