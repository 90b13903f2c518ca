//! Where a listener is in a job's output, as the text that server-sent events carry as their id.

use std::fmt;
use std::str::FromStr;

use longshore_core::output::Stream;
use longshore_core::store::OutputCursor;
use longshore_core::{AttemptNumber, Token};

/// A place in all that a job writes: behind what a listener was told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// The attempt that is being read.
    pub attempt: AttemptNumber,
    /// The last chunk that was told; none at the attempt's beginning.
    pub after: Option<OutputCursor>,
    /// How far each stream was told, gaps included: its next byte's offset.
    pub ends: [u64; 2],
    /// Whether the job's end was told, too.
    pub is_over: bool,
}

impl Place {
    /// Before everything that an attempt wrote.
    pub fn beginning(attempt: AttemptNumber) -> Self {
        Self {
            attempt,
            after: None,
            ends: [0; 2],
            is_over: false,
        }
    }

    pub fn end_of(&mut self, stream: Stream) -> &mut u64 {
        let [stdout, stderr] = &mut self.ends;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (token, seq) = match self.after {
            Some(OutputCursor { token, seq }) => (token.0, seq),
            None => (0, 0),
        };
        let [stdout, stderr] = self.ends;
        let over = if self.is_over { ".end" } else { "" };
        write!(f, "{}.{token}.{seq}.{stdout}.{stderr}{over}", self.attempt)
    }
}

/// A text that is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no id of an event of this stream")]
pub(crate) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (text, is_over) = match text.strip_suffix(".end") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut parts = text.split('.');
        let mut next = || -> Result<u64, NoPlace> {
            let part = parts.next().ok_or(NoPlace)?;
            part.parse::<u64>().map_err(|_| NoPlace)
        };
        let (attempt, token, seq, stdout, stderr) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(NoPlace);
        }
        let token = i64::try_from(token).map_err(|_| NoPlace)?;
        let seq = i32::try_from(seq).map_err(|_| NoPlace)?;
        let attempt = i32::try_from(attempt).map_err(|_| NoPlace)?;
        if attempt == 0 || i64::try_from(stdout.max(stderr)).is_err() {
            return Err(NoPlace);
        }
        Ok(Self {
            attempt: AttemptNumber(attempt),
            // Tokens begin with 1.
            after: (token > 0).then_some(OutputCursor {
                token: Token(token),
                seq,
            }),
            ends: [stdout, stderr],
            is_over,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_text_and_what_is_none_is_refused() {
        let mut place = Place::beginning(AttemptNumber(2));
        assert_eq!(place.to_string().parse(), Ok(place));
        place.after = Some(OutputCursor {
            token: Token(7),
            seq: 3,
        });
        *place.end_of(Stream::Stderr) = 9;
        assert_eq!(place.to_string(), "2.7.3.0.9");
        assert_eq!(place.to_string().parse(), Ok(place));
        place.is_over = true;
        assert_eq!(place.to_string().parse(), Ok(place));
        for text in [
            "",
            "1",
            "1.2.3.4",
            "1.2.3.4.5.6",
            "0.1.1.0.0",
            "1.-2.3.4.5",
            "1.x.3.4.5",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
        let large = format!("1.1.1.{}.0", u64::MAX);
        assert_eq!(large.parse::<Place>(), Err(NoPlace));
    }
}
