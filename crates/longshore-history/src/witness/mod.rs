//! The witness: the record that the jobs themselves write, in a file that
//! neither the queue nor the executor controls.
//!
//! This module owns the format (see [`WitnessLine`]) for both sides, the jobs
//! that write it and the checker that reads it. It must never open the file,
//! and never repair one: a record that cannot be read exactly is an error.
//!
//! # Two orders
//!
//! A line carries the clock of the machine that wrote it, and it has a place in
//! the file. Overlap is judged by **file order**. Each line is appended with
//! one `O_APPEND` write, so the file is a true serialisation of the writes. A
//! job appends START after it began and END before it ended. Hence, at the
//! instant at which any line was appended, every run with its START before that
//! line and its END after it was really live: what is counted is a lower bound
//! of what lived, and can raise no false alarm. Clocks give no such guarantee:
//! a process may be stopped between reading its clock and writing, and a
//! real-time clock may step. The nanoseconds are kept for the reader's eye.
//!
//! # Runs without an END
//!
//! A job that was killed writes no END, and nobody knows how long after its
//! START it lived. It counts as live at its own START and no longer, again so
//! that the count stays a lower bound.

//! # Two writers
//!
//! A recorder may write the store's events into the same file (see
//! [`StoreEvent`]). They share the order of the jobs' lines, and nothing else.

mod line;
mod pairing;

pub use line::{LineError, Mark, Who, WhoError, WitnessLine};

use crate::event::{Event, Position, Source};
use crate::store::{StoreEvent, StoreLineError, is_store_line};
use pairing::Pairing;

/// A parsed witness file: its lines in file order, as events of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    events: Vec<Event>,
    /// How many of them the jobs wrote.
    marks: usize,
}

impl Witness {
    /// Reads a whole witness file. An empty file is an empty witness.
    ///
    /// The first line that is not exactly in the format is an error, and so is
    /// a last line without its newline: a torn write.
    ///
    /// So is an answer of the store to a call that was not made, and a call that
    /// is answered twice.
    pub fn parse(text: &str) -> Result<Self, WitnessError> {
        let mut pairing = Pairing::default();
        let mut witness = Self::default();
        for (raw, number) in text.split_inclusive('\n').zip(1..) {
            let source = parse_record(number, raw)?;
            match &source {
                Source::Witness(_) => witness.marks += 1,
                Source::Store(event) => pairing.note(number, event)?,
            }
            let at = Position::of_line(number);
            witness.events.push(Event { at, source });
        }
        Ok(witness)
    }

    /// The events, in file order; the one on line *n* is at index *n* − 1.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Whether the jobs wrote nothing.
    pub fn is_empty(&self) -> bool {
        self.marks == 0
    }

    /// Whether the store's events are in it.
    pub fn has_store_events(&self) -> bool {
        self.marks < self.events.len()
    }
}

/// A witness kept in memory instead of a file, for jobs that are not processes.
/// The order of the iterator is the order of the history.
impl FromIterator<WitnessLine> for Witness {
    fn from_iter<I: IntoIterator<Item = WitnessLine>>(lines: I) -> Self {
        let events: Vec<Event> = lines
            .into_iter()
            .enumerate()
            .map(|(index, line)| Event {
                at: Position::of_line(index + 1),
                source: Source::Witness(line),
            })
            .collect();
        let marks = events.len();
        Self { events, marks }
    }
}

/// A witness file that cannot be believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// A line that is not in the format.
    #[error("witness line {line} is malformed: `{content}`")]
    Malformed {
        /// Its number, the first being 1.
        line: usize,
        /// The line, without its newline; shortened if it is too long.
        content: String,
        /// What is wrong with it.
        #[source]
        reason: LineError,
    },
    /// A line of the store's that is not in the format.
    #[error("witness line {line}, of the store, is malformed: `{content}`")]
    MalformedStoreLine {
        /// Its number, the first being 1.
        line: usize,
        /// The line, without its newline; shortened if it is too long.
        content: String,
        /// What is wrong with it.
        #[source]
        reason: StoreLineError,
    },
    /// A line of the store's that fits to no other: a number used for two calls,
    /// an answer to no call, a second answer, or one of another verb.
    #[error("witness line {line} is a {mark} of call {call}, which {problem}")]
    Unpaired {
        /// Its number, the first being 1.
        line: usize,
        /// CALL, DONE or ERR.
        mark: &'static str,
        /// The call that it names.
        call: u64,
        /// Why it does not fit.
        problem: &'static str,
    },
    /// The last line has no newline, so its write was cut off.
    #[error("witness line {line} is torn (no newline at its end): `{content}`")]
    Torn {
        /// Its number, the first being 1.
        line: usize,
        /// What is there of it; shortened if it is too long.
        content: String,
    },
}

fn parse_record(number: usize, raw: &str) -> Result<Source, WitnessError> {
    let Some(content) = raw.strip_suffix('\n') else {
        return Err(WitnessError::Torn {
            line: number,
            content: shortened(raw),
        });
    };
    if is_store_line(content) {
        let event = content.parse::<StoreEvent>();
        return event.map(Source::Store).map_err(|reason| {
            let content = shortened(content);
            WitnessError::MalformedStoreLine {
                line: number,
                content,
                reason,
            }
        });
    }
    let line = content.parse::<WitnessLine>();
    line.map(Source::Witness)
        .map_err(|reason| WitnessError::Malformed {
            line: number,
            content: shortened(content),
            reason,
        })
}

/// Bounds what an error quotes: a binary file is one endless line.
fn shortened(content: &str) -> String {
    content.chars().take(WitnessLine::MAX_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;

    #[test]
    fn a_file_keeps_its_order_and_its_line_numbers() {
        let witness = Witness::parse("START 7 1 200 a\nSTART 3 1 100 b\nEND 7 1 300 a\n")
            .expect("well formed");
        let seen: Vec<(usize, Mark, JobId, u64)> = witness
            .events()
            .iter()
            .map(|event| match &event.source {
                Source::Witness(line) => (event.at.line(), line.mark, line.run.job, line.nanos),
                Source::Store(event) => panic!("no line of the store's: {event}"),
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, Mark::Start, JobId(7), 200),
                (2, Mark::Start, JobId(3), 100),
                (3, Mark::End, JobId(7), 300),
            ]
        );
    }

    #[test]
    fn an_empty_file_is_an_empty_witness() {
        assert!(Witness::parse("").expect("nothing to refuse").is_empty());
    }

    #[test]
    fn a_malformed_line_is_named_by_number_and_content() {
        let error = Witness::parse("START 1 1 5 a\nSTOP 1 1 9 a\n").expect_err("no such mark");
        assert_eq!(
            error,
            WitnessError::Malformed {
                line: 2,
                content: "STOP 1 1 9 a".to_owned(),
                reason: LineError::Mark,
            }
        );
        assert_eq!(
            error.to_string(),
            "witness line 2 is malformed: `STOP 1 1 9 a`"
        );
    }

    #[test]
    fn a_last_line_without_newline_is_torn_even_if_it_would_parse() {
        let error = Witness::parse("START 1 1 5 a\nEND 1 1 9 a").expect_err("no newline");
        assert_eq!(
            error,
            WitnessError::Torn {
                line: 2,
                content: "END 1 1 9 a".to_owned(),
            }
        );
    }

    #[test]
    fn a_blank_line_is_malformed() {
        let error = Witness::parse("START 1 1 5 a\n\nEND 1 1 9 a\n").expect_err("blank line");
        assert!(matches!(error, WitnessError::Malformed { line: 2, .. }));
    }

    #[test]
    fn an_error_quotes_a_bounded_part_of_an_endless_line() {
        let error = Witness::parse(&"x".repeat(100_000)).expect_err("not a line");
        assert!(error.to_string().len() < 300);
    }
}
