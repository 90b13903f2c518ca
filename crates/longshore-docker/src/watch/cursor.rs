//! How far each stream of a container was delivered, and how to go on from there in the engine's log.
//!
//! A stream's place is (time, bytes): so many bytes of what the engine logged at that time *or
//! later* were delivered. Without a time they count from the beginning: this is all that is known
//! while output comes from an attached connection, which says no times. The log gives every entry
//! its time, and times of one stream never decrease, so entries before the place's time are passed
//! over, and the bytes after it are counted off: nothing is lost, nothing comes twice.
//!
//! As text (the resume point that is stored): `v1 o=<place> e=<place>`, a place being
//! `<time>+<bytes>` or `+<bytes>`.

use longshore_core::output::{ResumePoint, Stream};

/// A place in one stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Place {
    /// The engine's time of a log entry, in its own fixed-width UTC form: compares as text.
    time: Option<String>,
    bytes: u64,
}

/// One stream's place, and what of the log is still to be passed over to get there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Progress {
    delivered: Place,
    /// Where the log stands that is being read.
    read: Place,
    /// Bytes at or after `delivered.time` that are still to be passed over.
    to_skip: u64,
}

/// The places of both streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Cursor {
    stdout: Progress,
    stderr: Progress,
}

impl Cursor {
    /// From the stored text; none if it is not one of ours.
    pub fn parse(point: &ResumePoint) -> Option<Self> {
        let mut words = point.0.strip_prefix("v1 o=")?.split(" e=");
        let (stdout, stderr) = (Place::parse(words.next()?)?, Place::parse(words.next()?)?);
        let at = |delivered| Progress {
            delivered,
            ..Progress::default()
        };
        words.next().is_none().then(|| Self {
            stdout: at(stdout),
            stderr: at(stderr),
        })
    }

    pub fn resume_point(&self) -> ResumePoint {
        let text = |place: &Place| {
            let time = place.time.as_deref().unwrap_or_default();
            format!("{time}+{}", place.bytes)
        };
        let (stdout, stderr) = (&self.stdout.delivered, &self.stderr.delivered);
        ResumePoint(format!("v1 o={} e={}", text(stdout), text(stderr)))
    }

    /// Bytes came from an attached connection.
    pub fn delivered(&mut self, stream: Stream, count: usize) {
        self.of(stream).delivered.bytes += count as u64;
    }

    /// The log is about to be read from [`Self::since`] on.
    pub fn begin_log(&mut self) {
        for stream in Stream::ALL {
            let progress = self.of(stream);
            progress.to_skip = progress.delivered.bytes;
            progress.read = Place::default();
        }
    }

    /// From when the log is needed; none: from its beginning.
    pub fn since(&self) -> Option<&str> {
        let (stdout, stderr) = (&self.stdout.delivered.time, &self.stderr.delivered.time);
        Some(stdout.as_deref()?.min(stderr.as_deref()?))
    }

    /// Whether a place is counted from the log's beginning, so that the whole log is needed.
    pub fn needs_whole_log(&self) -> bool {
        [&self.stdout, &self.stderr]
            .iter()
            .any(|progress| progress.delivered.time.is_none() && progress.delivered.bytes > 0)
    }

    /// An entry of the log: the part of it that is still to be delivered.
    pub fn entry<'a>(&mut self, stream: Stream, time: &str, bytes: &'a [u8]) -> &'a [u8] {
        let progress = self.of(stream);
        if progress
            .delivered
            .time
            .as_deref()
            .is_some_and(|from| time < from)
        {
            return &[];
        }
        if progress.read.time.as_deref() == Some(time) {
            progress.read.bytes += bytes.len() as u64;
        } else {
            progress.read = Place {
                time: Some(time.to_owned()),
                bytes: bytes.len() as u64,
            };
        }
        let skipped = usize::try_from(progress.to_skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        progress.to_skip -= skipped as u64;
        if progress.to_skip == 0 {
            progress.delivered = progress.read.clone();
        }
        &bytes[skipped..]
    }

    /// Whether an entry of that time is later than all that was read of its stream.
    pub fn lacks(&self, stream: Stream, time: &str) -> bool {
        let progress = match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        progress.read.time.as_deref().is_none_or(|read| read < time)
    }

    fn of(&mut self, stream: Stream) -> &mut Progress {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (time, bytes) = text.rsplit_once('+')?;
        Some(Self {
            time: (!time.is_empty()).then(|| time.to_owned()),
            bytes: bytes.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of two streams in which times repeat and the streams' entries come out of order.
    const LOG: [(Stream, &str, &[u8]); 7] = [
        (Stream::Stdout, "T1", b"a\n"),
        (Stream::Stdout, "T1", b"bb\n"),
        (Stream::Stderr, "T4", b"x\n"),
        (Stream::Stdout, "T2", b"part"),
        (Stream::Stdout, "T2", b"ial\n"),
        (Stream::Stderr, "T4", b"y\n"),
        (Stream::Stdout, "T5", b"end"),
    ];

    fn read(cursor: &mut Cursor, log: &[(Stream, &str, &[u8])]) -> (Vec<u8>, Vec<u8>) {
        let (mut stdout, mut stderr) = (vec![], vec![]);
        let since = cursor.since().map(str::to_owned);
        cursor.begin_log();
        for (stream, time, bytes) in log {
            if since.as_deref().is_some_and(|since| *time < since) {
                continue; // the engine leaves these out
            }
            let fresh = cursor.entry(*stream, time, bytes);
            match stream {
                Stream::Stdout => stdout.extend_from_slice(fresh),
                Stream::Stderr => stderr.extend_from_slice(fresh),
            }
        }
        (stdout, stderr)
    }

    fn stored(cursor: &Cursor) -> Cursor {
        Cursor::parse(&cursor.resume_point()).expect("it is one of ours")
    }

    #[test]
    fn from_any_break_the_rest_is_read_once() {
        let (whole_out, whole_err) = read(&mut Cursor::default(), &LOG);
        for first in 0..=LOG.len() {
            for second in first..=LOG.len() {
                let mut cursor = Cursor::default();
                let (mut out, mut err) = read(&mut cursor, &LOG[..first]);
                for upto in [second, LOG.len()] {
                    cursor = stored(&cursor);
                    let (more_out, more_err) = read(&mut cursor, &LOG[..upto]);
                    out.extend(more_out);
                    err.extend(more_err);
                }
                assert_eq!((&out, &err), (&whole_out, &whole_err), "{first}, {second}");
            }
        }
    }

    #[test]
    fn from_any_byte_of_an_attached_connection_the_rest_is_read_once() {
        let (whole_out, whole_err) = read(&mut Cursor::default(), &LOG);
        for out in 0..=whole_out.len() {
            for err in 0..=whole_err.len() {
                let mut cursor = Cursor::default();
                cursor.delivered(Stream::Stdout, out);
                cursor.delivered(Stream::Stderr, err);
                let rest = read(&mut stored(&cursor), &LOG);
                assert_eq!(rest, (whole_out[out..].to_vec(), whole_err[err..].to_vec()));
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for text in [
            "",
            "v1",
            "v1 o=+1",
            "v2 o=+1 e=+1",
            "v1 o=x e=+1",
            "v1 o=+1 e=+1 e=+1",
        ] {
            assert_eq!(Cursor::parse(&ResumePoint(text.to_owned())), None, "{text}");
        }
    }
}
