//! How far each stream of a container was delivered, and how to go on from there in the engine's log.
//!
//! A stream's place is (time, bytes): the last entry of the log that was delivered is the one that
//! the engine logged at that time, and so many bytes of what it logged at that very time, in a row,
//! were delivered. Without a time the bytes count from the beginning: this is all that is known
//! while output comes from an attached connection, which says no times.
//!
//! Times are compared for being the same, never for being later: an engine's clock may be set back,
//! and then what comes later in the log has an earlier time. So entries are passed over up to the
//! one of the place's time, wherever it stands, and all that come after it are new: nothing is
//! lost, nothing comes twice. For the same reason the engine is never asked for entries *since* a
//! time: it would leave out the others.
//!
//! Docker's `local` driver forgets the end of each line that is longer than its pieces (16 KiB): what
//! follows would be stuck to it, and whoever counted bytes on an attached connection would lose one.
//! All pieces of a line have its time. So an entry without an end that is followed by another time
//! has lost its end, and gets it back ([`Cursor::mending_lines`]). Only of the very last line it can't be
//! told, and then none is made up.
//!
//! As text (the resume point that is stored): `v1 o=<place> e=<place>`, a place being
//! `<time>+<bytes>` or `+<bytes>`.

use longshore_core::output::{ResumePoint, Stream};

/// A place in one stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Place {
    /// The engine's time of a log entry, in its own words.
    time: Option<String>,
    bytes: u64,
}

/// One stream's place, and what of the log is still to be passed over to get there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Progress {
    delivered: Place,
    /// Where the log stands that is being read.
    read: Place,
    /// Whether the entry of `delivered.time` was reached.
    is_reached: bool,
    /// Bytes from there on that are still to be passed over.
    to_skip: u64,
    /// The entry that was read last has no end of a line.
    is_open: bool,
}

/// The places of both streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Cursor {
    stdout: Progress,
    stderr: Progress,
    mends_lines: bool,
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
            mends_lines: false,
        })
    }

    /// For a log that forgets the ends of long lines, or not.
    pub fn mending_lines(self, mends_lines: bool) -> Self {
        Self {
            mends_lines,
            ..self
        }
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

    /// The log is about to be read from its beginning.
    pub fn begin_log(&mut self) {
        for stream in Stream::ALL {
            let progress = self.of(stream);
            progress.to_skip = progress.delivered.bytes;
            progress.read = Place::default();
            progress.is_reached = progress.delivered.time.is_none();
            progress.is_open = false;
        }
    }

    /// Whether the entry of each place's time was reached. Not so at the log's end: it was dropped.
    pub fn is_reached(&self) -> bool {
        self.stdout.is_reached && self.stderr.is_reached
    }

    /// Whether a place is counted from the log's beginning, so that the whole log is needed.
    pub fn needs_whole_log(&self) -> bool {
        [&self.stdout, &self.stderr]
            .iter()
            .any(|progress| progress.delivered.time.is_none() && progress.delivered.bytes > 0)
    }

    /// An entry of the log: the part of it that is still to be delivered.
    pub fn entry(&mut self, stream: Stream, time: &str, bytes: &[u8]) -> Vec<u8> {
        let mends_lines = self.mends_lines;
        let progress = self.of(stream);
        let mut fresh = Vec::new();
        if progress.read.time.as_deref() == Some(time) {
            progress.read.bytes += bytes.len() as u64;
        } else {
            // Before the place it was delivered, and so it was if this is the place's own time.
            if mends_lines && progress.is_open && progress.is_reached {
                if progress.to_skip == 0 {
                    fresh.push(b'\n');
                } else {
                    progress.to_skip -= 1;
                }
            }
            progress.read = Place {
                time: Some(time.to_owned()),
                bytes: bytes.len() as u64,
            };
        }
        progress.is_open = bytes.last().is_some_and(|last| *last != b'\n');
        progress.is_reached |= progress.delivered.time.as_deref() == Some(time);
        if !progress.is_reached {
            return fresh;
        }
        let skipped = usize::try_from(progress.to_skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        progress.to_skip -= skipped as u64;
        if progress.to_skip == 0 {
            progress.delivered = progress.read.clone();
        }
        fresh.extend_from_slice(&bytes[skipped..]);
        fresh
    }

    /// Whether the last entry of the log, of that time, is another one than was read last of its
    /// stream.
    pub fn lacks(&self, stream: Stream, time: &str) -> bool {
        let progress = match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        progress.read.time.as_deref() != Some(time)
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

    /// A log of two streams in which times repeat, the streams' entries come out of order, and the
    /// clock is set back.
    const LOG: [(Stream, &str, &[u8]); 9] = [
        (Stream::Stdout, "T1", b"a\n"),
        (Stream::Stdout, "T1", b"bb\n"),
        (Stream::Stderr, "T4", b"x\n"),
        (Stream::Stdout, "T2", b"part"),
        (Stream::Stdout, "T2", b"ial\n"),
        (Stream::Stderr, "T4", b"y\n"),
        (Stream::Stdout, "T5", b"now\n"),
        (Stream::Stdout, "T0", b"set back\n"),
        (Stream::Stdout, "T3", b"end"),
    ];

    fn read(cursor: &mut Cursor, log: &[(Stream, &str, &[u8])]) -> (Vec<u8>, Vec<u8>) {
        let (mut stdout, mut stderr) = (vec![], vec![]);
        cursor.begin_log();
        for (stream, time, bytes) in log {
            let fresh = cursor.entry(*stream, time, bytes);
            match stream {
                Stream::Stdout => stdout.extend(fresh),
                Stream::Stderr => stderr.extend(fresh),
            }
        }
        (stdout, stderr)
    }

    /// The same where the ends of lines in several pieces are forgotten.
    const FORGETFUL_LOG: [(Stream, &str, &[u8]); 9] = [
        (Stream::Stdout, "T1", b"a\n"),
        (Stream::Stdout, "T2", b"in "),
        (Stream::Stderr, "T2", b"x\n"),
        (Stream::Stdout, "T2", b"pieces"),
        (Stream::Stdout, "T4", b"\n"),
        (Stream::Stdout, "T3", b"two "),
        (Stream::Stdout, "T3", b"more"),
        (Stream::Stdout, "T6", b"line\n"),
        (Stream::Stdout, "T7", b"end"),
    ];

    type Entry = (Stream, &'static str, &'static [u8]);

    fn logs() -> [(&'static [Entry], bool); 2] {
        [(&LOG, false), (&FORGETFUL_LOG, true)]
    }

    fn stored(cursor: &Cursor) -> Cursor {
        let stored = Cursor::parse(&cursor.resume_point()).expect("it is one of ours");
        stored.mending_lines(cursor.mends_lines)
    }

    #[test]
    fn the_forgotten_end_of_a_line_in_pieces_is_put_back() {
        let mut cursor = Cursor::default().mending_lines(true);
        let (out, _) = read(&mut cursor, &FORGETFUL_LOG);
        assert_eq!(out, b"a\nin pieces\n\ntwo more\nline\nend");
    }

    #[test]
    fn from_any_break_the_rest_is_read_once() {
        for (log, mends) in logs() {
            let fresh = || Cursor::default().mending_lines(mends);
            let (whole_out, whole_err) = read(&mut fresh(), log);
            for first in 0..=log.len() {
                for second in first..=log.len() {
                    let mut cursor = fresh();
                    let (mut out, mut err) = read(&mut cursor, &log[..first]);
                    for upto in [second, log.len()] {
                        cursor = stored(&cursor);
                        let (more_out, more_err) = read(&mut cursor, &log[..upto]);
                        out.extend(more_out);
                        err.extend(more_err);
                    }
                    assert_eq!((&out, &err), (&whole_out, &whole_err), "{first}, {second}");
                }
            }
        }
    }

    #[test]
    fn from_any_byte_of_an_attached_connection_the_rest_is_read_once() {
        for (log, mends) in logs() {
            let fresh = || Cursor::default().mending_lines(mends);
            let (whole_out, whole_err) = read(&mut fresh(), log);
            for out in 0..=whole_out.len() {
                for err in 0..=whole_err.len() {
                    let mut cursor = fresh();
                    cursor.delivered(Stream::Stdout, out);
                    cursor.delivered(Stream::Stderr, err);
                    let rest = read(&mut stored(&cursor), log);
                    assert_eq!(rest, (whole_out[out..].to_vec(), whole_err[err..].to_vec()));
                }
            }
        }
    }

    #[test]
    fn a_place_whose_entry_was_dropped_is_never_reached() {
        let mut cursor = Cursor::default();
        read(&mut cursor, &LOG[..1]);
        read(&mut cursor, &LOG);
        assert!(cursor.is_reached());
        let mut cursor = stored(&cursor);
        let rest = read(&mut cursor, &LOG[..8]);
        assert_eq!(rest, (vec![], vec![]), "nothing comes twice");
        assert!(!cursor.is_reached());
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
