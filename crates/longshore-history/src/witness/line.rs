//! The format of one line of a witness file, for its writer and its reader.
//!
//! `START <job> <attempt> <nanos> <who>` or `END <job> <attempt> <nanos> <who>`,
//! fields apart by one space, the newline part of the record. A writer appends
//! the record with a single write; it stays below [`WitnessLine::MAX_BYTES`], so
//! that such a write is not split.
//!
//! Reading is strict and must never become lenient: exactly what
//! [`WitnessLine::to_record`] writes is accepted, nothing else.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::ids::{AttemptNumber, JobId, RunId};

/// One line: at which point of its run a job stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WitnessLine {
    /// The point of the run.
    pub mark: Mark,
    /// Which attempt of which job writes.
    #[serde(flatten)]
    pub run: RunId,
    /// The writer's clock in nanoseconds: monotonic, or real time from a shell's
    /// `date +%s%N`. Comparable within one file at most; never judged.
    pub nanos: u64,
    /// The process or container that writes; shown to people, never judged,
    /// because a script's two lines may come from two processes.
    pub who: Who,
}

impl WitnessLine {
    /// A record is shorter than this, its newline included.
    pub const MAX_BYTES: usize = 200;

    /// What a writer appends, newline included, in one write.
    pub fn to_record(&self) -> String {
        format!("{self}\n")
    }
}

/// The point of a run at which a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// After the job began.
    Start,
    /// Before the job ended.
    End,
}

/// Who writes a line: a process id, a container id, a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Who(Box<str>);

impl Who {
    /// The longest name, in bytes: twice a full container id, and with the
    /// longest numbers still a record below [`WitnessLine::MAX_BYTES`].
    pub const MAX_BYTES: usize = 128;

    /// Takes 1 to [`MAX_BYTES`](Self::MAX_BYTES) printable ASCII characters,
    /// none of them a space.
    pub fn new(name: &str) -> Result<Self, WhoError> {
        if name.is_empty() {
            Err(WhoError::Empty)
        } else if name.len() > Self::MAX_BYTES {
            Err(WhoError::TooLong { bytes: name.len() })
        } else if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(WhoError::Unprintable)
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot name a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhoError {
    /// It is empty.
    #[error("the writer's name is empty")]
    Empty,
    /// It would make the record too long for one write.
    #[error(
        "the writer's name has {bytes} bytes, at most {} are allowed",
        Who::MAX_BYTES
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a space, a control character or one outside ASCII.
    #[error("the writer's name has a character that is not printable ASCII")]
    Unprintable,
}

/// Why a line is not in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It cannot have been one record.
    #[error(
        "it has {bytes} bytes, a record has fewer than {}",
        WitnessLine::MAX_BYTES
    )]
    TooLong {
        /// Its length, newline included.
        bytes: usize,
    },
    /// It has not exactly five fields apart by single spaces.
    #[error("it has {found} fields, expected 5")]
    Fields {
        /// How many it has.
        found: usize,
    },
    /// The first field is neither START nor END.
    #[error("its first field is neither START nor END")]
    Mark,
    /// The second field is not a job id.
    #[error("its second field is not a job id")]
    Job,
    /// The third field is not an attempt number.
    #[error("its third field is not an attempt number")]
    Attempt,
    /// The fourth field is not a number of nanoseconds.
    #[error("its fourth field is not a number of nanoseconds")]
    Nanos,
    /// The fifth field is not a writer's name.
    #[error("its fifth field does not name a writer")]
    Who(#[source] WhoError),
}

impl FromStr for WitnessLine {
    type Err = LineError;

    /// Reads a line that has already lost its newline.
    fn from_str(content: &str) -> Result<Self, LineError> {
        let bytes = content.len() + 1;
        if bytes >= Self::MAX_BYTES {
            return Err(LineError::TooLong { bytes });
        }
        let fields: Vec<&str> = content.split(' ').collect();
        let &[mark, job, attempt, nanos, who] = fields.as_slice() else {
            return Err(LineError::Fields {
                found: fields.len(),
            });
        };
        Ok(Self {
            mark: match mark {
                "START" => Mark::Start,
                "END" => Mark::End,
                _ => return Err(LineError::Mark),
            },
            run: RunId {
                job: number(job).map(JobId).ok_or(LineError::Job)?,
                attempt: number(attempt)
                    .map(AttemptNumber)
                    .ok_or(LineError::Attempt)?,
            },
            nanos: number(nanos).ok_or(LineError::Nanos)?,
            who: Who::new(who).map_err(LineError::Who)?,
        })
    }
}

/// Reads a number in the one way in which it is written: the standard parser
/// alone would also take `+7` and `007`.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = text == "0" || (!digits.is_empty() && !digits.starts_with(['0', '+', '-']));
    if canonical { text.parse().ok() } else { None }
}

impl fmt::Display for WitnessLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mark,
            run: RunId { job, attempt },
            nanos,
            who,
        } = self;
        write!(f, "{mark} {job} {attempt} {nanos} {who}")
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "START",
            Self::End => "END",
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(content: &str) -> LineError {
        content
            .parse::<WitnessLine>()
            .expect_err("a line outside the format")
    }

    #[test]
    fn a_shell_scripts_line_is_read() {
        let line: WitnessLine = "END 12 3 1700000000123456789 4711"
            .parse()
            .expect("well formed");
        assert_eq!(line.mark, Mark::End);
        assert_eq!(line.run.job, JobId(12));
        assert_eq!(line.run.attempt, AttemptNumber(3));
        assert_eq!(line.nanos, 1_700_000_000_123_456_789);
        assert_eq!(line.who.as_str(), "4711");
    }

    #[test]
    fn every_field_is_read_strictly() {
        assert_eq!(refusal(""), LineError::Fields { found: 1 });
        assert_eq!(refusal("START 1 1 5"), LineError::Fields { found: 4 });
        assert_eq!(refusal("START 1 1 5 a b"), LineError::Fields { found: 6 });
        assert_eq!(refusal("START 1  1 5 a"), LineError::Fields { found: 6 });
        assert_eq!(refusal("start 1 1 5 a"), LineError::Mark);
        assert_eq!(refusal("START one 1 5 a"), LineError::Job);
        assert_eq!(refusal("START +1 1 5 a"), LineError::Job);
        assert_eq!(refusal("START 01 1 5 a"), LineError::Job);
        assert_eq!(refusal("START -0 1 5 a"), LineError::Job);
        assert_eq!(refusal("START --1 1 5 a"), LineError::Job);
        assert_eq!(refusal("START 9223372036854775808 1 5 a"), LineError::Job);
        assert_eq!(refusal("START 1 -1 5 a"), LineError::Attempt);
        assert_eq!(refusal("START 1 1 5.0 a"), LineError::Nanos);
        assert_eq!(refusal("START 1 1 -5 a"), LineError::Nanos);
        assert_eq!(refusal("START 1 1 5 "), LineError::Who(WhoError::Empty));
        assert_eq!(
            refusal("START 1 1 5 a\r"),
            LineError::Who(WhoError::Unprintable)
        );
        assert_eq!(
            refusal(&format!("START 1 1 5 {}", "a".repeat(129))),
            LineError::Who(WhoError::TooLong { bytes: 129 })
        );
        assert_eq!(
            refusal(&format!("START 1 1 5 {}", "a".repeat(187))),
            LineError::TooLong { bytes: 200 }
        );
    }

    #[test]
    fn the_longest_record_fits_in_one_write() {
        let longest = WitnessLine {
            mark: Mark::Start,
            run: RunId {
                job: JobId(i64::MIN),
                attempt: AttemptNumber(u32::MAX),
            },
            nanos: u64::MAX,
            who: Who::new(&"w".repeat(Who::MAX_BYTES)).expect("as long as allowed"),
        };
        assert!(longest.to_record().len() < WitnessLine::MAX_BYTES);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            started: bool, job: i64, attempt: u32, nanos: u64, who in "[!-~]{1,128}",
        ) {
            let line = WitnessLine {
                mark: if started { Mark::Start } else { Mark::End },
                run: RunId { job: JobId(job), attempt: AttemptNumber(attempt) },
                nanos,
                who: Who::new(&who).expect("printable"),
            };
            let record = line.to_record();
            let content = record.strip_suffix('\n').expect("a record ends its line");
            prop_assert_eq!(content.parse(), Ok(line));
        }

        #[test]
        fn only_what_would_be_written_is_read(content in "(START|END) [-+0-9]{1,3} [-+0-9]{1,2} [-+0-9]{1,3} [!-~]{1,3}") {
            if let Ok(line) = content.parse::<WitnessLine>() {
                prop_assert_eq!(line.to_string(), content);
            }
        }
    }
}
