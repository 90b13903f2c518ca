//! Named points at which a test can park, fail, delay or abort what the product does, and bugs that
//! a test build can plant in it to see that they are caught.
//!
//! Without its features this crate is empty: a point is a ready `Ok`, a bug is `false`, an edited
//! statement is the statement, and the names are swallowed by the macros, so that no binary that
//! people run contains one (a test looks). The features are turned on by `cargo xtask teeth` and by
//! `--features faults` of the package `longshore`, never by a manifest.
//!
//! It owns the names ([`NAMES`]), the points and the switches. It must never decide anything of the
//! product's, depend on anything, or block a thread of a runtime: to park is to await.

#[cfg(feature = "bugs")]
mod bugs;
#[cfg(feature = "bugs")]
mod edits;
mod names;
#[cfg(feature = "points")]
mod points;
#[cfg(all(feature = "points", unix))]
mod remote;

pub use names::NAMES;

#[cfg(feature = "bugs")]
pub use bugs::{edited, function_edits, is_planted};
#[cfg(feature = "bugs")]
pub use edits::Edit;
#[cfg(feature = "points")]
pub use points::{Gate, reach, reach_on_a_thread};
#[cfg(all(feature = "points", unix))]
pub use remote::{SOCKET, Workers};

/// One replacement in a function of the database: there is none without the feature.
#[cfg(not(feature = "bugs"))]
#[derive(Debug)]
pub enum Edit {}

#[cfg(not(feature = "bugs"))]
impl Edit {
    /// The text with the bug in it.
    #[must_use]
    pub fn apply(&self, _: &str) -> String {
        match *self {}
    }
}

/// The functions of the database that the planted bug changes, each with its edits in order.
#[cfg(not(feature = "bugs"))]
#[must_use]
pub const fn function_edits() -> Vec<(&'static str, Vec<&'static Edit>)> {
    Vec::new()
}

/// That a test made a point fail. Without the feature there is no such value, and what handles it
/// is left out of the binary.
#[cfg(feature = "points")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injected(&'static str);

/// That a test made a point fail. Without the feature there is no such value, and what handles it
/// is left out of the binary.
#[cfg(not(feature = "points"))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injected {}

impl std::fmt::Display for Injected {
    #[cfg(feature = "points")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a fault injected at {}", self.0)
    }

    #[cfg(not(feature = "points"))]
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Injected {}

/// A point: an expression to be awaited, `Result<(), Injected>`. The key, an `i64`, says of which job
/// or worker. Awaited, it is cancellation-safe: dropped, it is as if it had never been reached.
#[cfg(feature = "points")]
#[macro_export]
macro_rules! point {
    ($name:literal, $key:expr) => {
        $crate::reach($name, $key)
    };
}

/// A point: an expression to be awaited, `Result<(), Injected>`. The key, an `i64`, says of which job
/// or worker. Awaited, it is cancellation-safe: dropped, it is as if it had never been reached.
#[cfg(not(feature = "points"))]
#[macro_export]
macro_rules! point {
    ($name:literal, $key:expr) => {
        ::core::future::ready($crate::passed($key))
    };
}

/// A point on a thread of its own, where nothing can be awaited: it fails, delays or aborts, and
/// never parks.
#[cfg(feature = "points")]
#[macro_export]
macro_rules! thread_point {
    ($name:literal, $key:expr) => {
        $crate::reach_on_a_thread($name, $key)
    };
}

/// A point on a thread of its own, where nothing can be awaited: it fails, delays or aborts, and
/// never parks.
#[cfg(not(feature = "points"))]
#[macro_export]
macro_rules! thread_point {
    ($name:literal, $key:expr) => {
        $crate::passed($key)
    };
}

/// Whether this bug is planted: `LONGSHORE_BUG` names it.
#[cfg(feature = "bugs")]
#[macro_export]
macro_rules! bug {
    ($name:literal) => {
        $crate::is_planted($name)
    };
}

/// Whether this bug is planted: `LONGSHORE_BUG` names it.
#[cfg(not(feature = "bugs"))]
#[macro_export]
macro_rules! bug {
    ($name:literal) => {
        false
    };
}

/// The text of a statement, as the planted bug has it; the name says where the text is from
/// (`postgres/finish`).
#[cfg(feature = "bugs")]
#[macro_export]
macro_rules! edited {
    ($name:expr, $sql:expr) => {
        $crate::edited($name, $sql)
    };
}

/// The text of a statement, as the planted bug has it; the name says where the text is from
/// (`postgres/finish`).
#[cfg(not(feature = "bugs"))]
#[macro_export]
macro_rules! edited {
    ($name:expr, $sql:expr) => {
        $sql
    };
}

/// What a point comes to without the feature; it takes the key, so that whoever computed it did so
/// for something.
#[doc(hidden)]
#[inline]
pub const fn passed(_key: i64) -> Result<(), Injected> {
    Ok(())
}
