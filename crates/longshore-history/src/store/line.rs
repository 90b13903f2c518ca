//! The format of one line of the store's events, for its writer and its reader.
//!
//! Before a verb `CALL <n> <nanos> <verb> <fields>`; after it `DONE <n> <nanos> <verb> <fields>`,
//! or `ERR <n> <nanos> <contended|unavailable|refused|other> "<text>"`. `<n>` pairs the two and is
//! used once in a history; `<nanos>` is the recorder's monotonic clock. Fields are `name=value`, in
//! the order of the verb's record, apart by single spaces; the items of a list follow one another,
//! each behind a `;`. A value is a number, `true` or `false`, a word, a quoted text
//! (`"`, `\` and what is not printable ASCII escaped), or `-` for none.
//!
//! Reading is strict and must never become lenient: exactly what [`StoreEvent::to_record`] writes
//! is accepted, nothing else.

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::fields::{Fields, Value};
use super::verbs::{Answer, Call};
use super::words::Failure;

/// One thing that a recorder noted of the store: that a verb was called, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreEvent {
    /// Which call.
    pub call: CallNumber,
    /// The recorder's monotonic clock. Comparable between the lines of one recorder.
    pub nanos: u64,
    /// What was noted.
    pub told: Told,
}

/// A call, by a number that no other call of its history has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallNumber(pub u64);

/// What was noted of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Before it.
    Called(Call),
    /// After it: its answer.
    Done(Answer),
    /// After it: it failed.
    Failed(Failure, String),
}

impl StoreEvent {
    /// A record is shorter than this, its newline included: the largest submission that a store
    /// takes (100,000 jobs), twice over.
    pub const MAX_BYTES: usize = 64 << 20;

    /// How much of a failure's text is written.
    const MAX_TEXT_BYTES: usize = 500;

    /// What a recorder appends, newline included, in one write.
    pub fn to_record(&self) -> String {
        format!("{self}\n")
    }
}

/// Whether a line claims to be one of these, rather than a job's.
pub(crate) fn is_store_line(content: &str) -> bool {
    let mark = content.split(' ').next();
    matches!(mark, Some("CALL" | "DONE" | "ERR"))
}

/// Why a line of the store's is not in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreLineError {
    /// It cannot have been one record.
    #[error(
        "it has {bytes} bytes, a record has fewer than {}",
        StoreEvent::MAX_BYTES
    )]
    TooLong {
        /// Its length, newline included.
        bytes: usize,
    },
    /// It lacks a call's number, the nanoseconds, or a verb.
    #[error("it does not begin with a mark, a number, nanoseconds and a word")]
    Head,
    /// There is no such verb.
    #[error("it names no verb of the store")]
    Verb,
    /// There is no such failure.
    #[error("it names no kind of failure")]
    Failure,
    /// A field is not there, or has no value of its kind.
    #[error("its field `{name}` is missing or cannot be read")]
    Field {
        /// The field.
        name: &'static str,
    },
    /// Something follows its last field.
    #[error("something follows its last field")]
    Leftover,
    /// It means something, but is not written in the one way in which that is written.
    #[error("it is not written as a recorder writes it")]
    NotCanonical,
}

impl FromStr for StoreEvent {
    type Err = StoreLineError;

    /// Reads a line that has already lost its newline.
    fn from_str(content: &str) -> Result<Self, StoreLineError> {
        let bytes = content.len() + 1;
        if bytes >= Self::MAX_BYTES {
            return Err(StoreLineError::TooLong { bytes });
        }
        let head = || StoreLineError::Head;
        let (mark, rest) = content.split_once(' ').ok_or_else(head)?;
        let (call, rest) = rest.split_once(' ').ok_or_else(head)?;
        let (nanos, rest) = rest.split_once(' ').ok_or_else(head)?;
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut fields = Fields::of(rest);
        let told = match mark {
            "CALL" => Told::Called(Call::read(word, &mut fields)?),
            "DONE" => Told::Done(Answer::read(word, &mut fields)?),
            "ERR" => {
                let failure = Failure::read(word).ok_or(StoreLineError::Failure)?;
                Told::Failed(failure, fields.take("text")?)
            }
            _ => return Err(StoreLineError::Head),
        };
        if !fields.is_empty() {
            return Err(StoreLineError::Leftover);
        }
        let event = Self {
            call: CallNumber(call.parse().map_err(|_| head())?),
            nanos: nanos.parse().map_err(|_| head())?,
            told,
        };
        if event.to_string() != content {
            return Err(StoreLineError::NotCanonical);
        }
        Ok(event)
    }
}

impl fmt::Display for StoreEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallNumber(call) = self.call;
        let nanos = self.nanos;
        let mut fields = String::new();
        let (mark, word) = match &self.told {
            Told::Called(called) => {
                called.write(&mut fields);
                ("CALL", called.verb().to_owned())
            }
            Told::Done(answer) => {
                answer.write(&mut fields);
                ("DONE", answer.verb().to_owned())
            }
            Told::Failed(failure, text) => {
                let kept = &text[..text.floor_char_boundary(Self::MAX_TEXT_BYTES)];
                super::fields::write_field(&mut fields, "text", &kept.to_owned());
                ("ERR", failure.to_string())
            }
        };
        write!(f, "{mark} {call} {nanos} {word}{fields}")
    }
}

/// In a document an event of the store is its line.
impl Serialize for StoreEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("StoreEvent", 2)?;
        fields.serialize_field("call", &self.call.0)?;
        fields.serialize_field("line", &self.to_string())?;
        fields.end()
    }
}
