//! Writing stored output: byte for byte, or as lines that say whose and when they are.

use std::collections::VecDeque;

use longshore_core::output::Stream;
use longshore_core::store::{OutputPage, StoredOutput};
use longshore_core::{JobId, Timestamp};

use crate::output::{self, Out};

/// A line longer than this is broken where lines are marked: what waits for its end is held in
/// memory.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Which of a job's outputs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams {
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
}

impl Streams {
    /// Both.
    pub const BOTH: Self = Self {
        stdout: true,
        stderr: true,
    };

    fn has(self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

/// What of a job's output is written, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// Which outputs.
    pub streams: Streams,
    /// Of what is there at first, only so many lines at its end.
    pub tail: Option<u64>,
    /// Only what was stored then or later.
    pub since: Option<Timestamp>,
    /// Whether each line says when its beginning was stored.
    pub timestamps: bool,
    /// What each line begins with, where several jobs are written: whose it is.
    pub label: Option<JobId>,
}

impl View {
    /// Everything, byte for byte.
    pub const WHOLE: Self = Self {
        streams: Streams::BOTH,
        tail: None,
        since: None,
        timestamps: false,
        label: None,
    };

    fn shows(&self, chunk: &StoredOutput) -> bool {
        self.streams.has(chunk.stream) && self.since.is_none_or(|since| chunk.at >= since)
    }

    /// Whether lines are marked, so that only whole ones can be written.
    fn marks_lines(&self) -> bool {
        self.timestamps || self.label.is_some()
    }
}

/// Writes stored output: stdout to stdout and stderr to stderr, and says on stderr where the cap
/// left something out.
pub struct OutputWriter {
    view: View,
    stdout: Progress,
    stderr: Progress,
}

/// How far one stream is.
#[derive(Default)]
struct Progress {
    /// Where its next byte stands if nothing was left out.
    expected: u64,
    /// What stands before this is not written.
    from: u64,
    /// Where lines are marked: the one that has not ended, and when it began.
    line: Vec<u8>,
    began: Option<Timestamp>,
}

impl OutputWriter {
    /// For one attempt.
    pub fn new(view: View) -> Self {
        Self {
            view,
            stdout: Progress::default(),
            stderr: Progress::default(),
        }
    }

    /// Writes nothing of what stands before these places.
    pub fn begin_at(&mut self, begins: Begins) {
        self.stdout.from = begins.stdout;
        self.stderr.from = begins.stderr;
    }

    /// Writes a page.
    pub fn write(&mut self, out: &mut Out, page: &OutputPage) -> anyhow::Result<()> {
        for chunk in &page.chunks {
            self.write_chunk(out, chunk)?;
        }
        out.flush()
    }

    fn write_chunk(&mut self, out: &mut Out, chunk: &StoredOutput) -> anyhow::Result<()> {
        let view = self.view;
        let progress = match chunk.stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let left_out = chunk.position.saturating_sub(progress.expected);
        progress.expected = chunk.position + chunk.bytes.len() as u64;
        if !view.shows(chunk) {
            return Ok(());
        }
        if left_out > 0 && progress.from < chunk.position {
            let name = match chunk.stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            progress.end_line(out, view, chunk.stream)?;
            out.flush()?;
            output::talk(&format!(
                "{left_out} bytes of {name} were left out here: the output cap"
            ));
        }
        let before = progress.from.saturating_sub(chunk.position);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let bytes = chunk.bytes.get(before..).unwrap_or_default();
        if !view.marks_lines() {
            return write_to(out, chunk.stream, bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            progress.began.get_or_insert(chunk.at);
            progress.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || progress.line.len() >= MAX_LINE_BYTES {
                progress.end_line(out, view, chunk.stream)?;
            }
        }
        Ok(())
    }

    /// Writes what waits for the end of its line: there will be none.
    pub fn finish(&mut self, out: &mut Out) -> anyhow::Result<()> {
        self.stdout.end_line(out, self.view, Stream::Stdout)?;
        self.stderr.end_line(out, self.view, Stream::Stderr)?;
        out.flush()
    }
}

impl Progress {
    fn end_line(&mut self, out: &mut Out, view: View, stream: Stream) -> anyhow::Result<()> {
        let Some(began) = self.began.take() else {
            return Ok(());
        };
        let mut line = Vec::with_capacity(self.line.len() + 40);
        if let Some(job) = view.label {
            line.extend_from_slice(format!("{job} | ").as_bytes());
        }
        if view.timestamps {
            line.extend_from_slice(format!("{began:.6} ").as_bytes());
        }
        line.append(&mut self.line);
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        write_to(out, stream, &line)
    }
}

fn write_to(out: &mut Out, stream: Stream, bytes: &[u8]) -> anyhow::Result<()> {
    match stream {
        Stream::Stdout => out.bytes(bytes),
        Stream::Stderr => {
            // In the order in which they were stored, when both go to one terminal.
            out.flush()?;
            output::stderr_bytes(bytes)
        }
    }
}

/// Where in each stream something begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Begins {
    /// In its standard output.
    pub stdout: u64,
    /// In its standard error.
    pub stderr: u64,
}

/// Finds where the last lines begin, counting those of both streams in the order in which they
/// began.
pub struct Tail {
    view: View,
    lines: usize,
    /// Where the last of them begin, oldest first.
    starts: VecDeque<(Stream, u64)>,
    stdout: Seen,
    stderr: Seen,
}

#[derive(Default)]
struct Seen {
    is_in_line: bool,
    end: u64,
}

impl Tail {
    /// Of what a view shows; none if it shows everything.
    pub fn of(view: View) -> Option<Self> {
        Some(Self {
            view,
            lines: usize::try_from(view.tail?).unwrap_or(usize::MAX),
            starts: VecDeque::new(),
            stdout: Seen::default(),
            stderr: Seen::default(),
        })
    }

    /// Looks at a page, after those before it.
    pub fn see(&mut self, page: &OutputPage) {
        for chunk in &page.chunks {
            let seen = match chunk.stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            let mut at = chunk.position;
            seen.end = at + chunk.bytes.len() as u64;
            if !self.view.shows(chunk) {
                continue;
            }
            for piece in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
                if !seen.is_in_line {
                    self.starts.push_back((chunk.stream, at));
                    if self.starts.len() > self.lines {
                        self.starts.pop_front();
                    }
                }
                seen.is_in_line = !piece.ends_with(b"\n");
                at += piece.len() as u64;
            }
        }
    }

    /// Where they begin: of a stream that has none of them, at its end.
    pub fn begins(&self) -> Begins {
        let first = |wanted, end| {
            let start = self.starts.iter().find(|(stream, _)| *stream == wanted);
            start.map_or(end, |(_, at)| *at)
        };
        Begins {
            stdout: first(Stream::Stdout, self.stdout.end),
            stderr: first(Stream::Stderr, self.stderr.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::store::OutputCursor;
    use longshore_core::{State, Token};

    fn chunk(stream: Stream, position: u64, text: &str, second: i64) -> StoredOutput {
        StoredOutput {
            cursor: OutputCursor {
                token: Token(1),
                seq: 0,
            },
            stream,
            position,
            bytes: text.as_bytes().to_vec(),
            at: Timestamp::from_second(second).expect("a time"),
        }
    }

    fn begins(view: View, chunks: Vec<StoredOutput>) -> (u64, u64) {
        let mut tail = Tail::of(view).expect("it has one");
        tail.see(&OutputPage {
            attempt: None,
            chunks,
            is_end: true,
            state: State::Running,
        });
        let Begins { stdout, stderr } = tail.begins();
        (stdout, stderr)
    }

    fn last(lines: u64) -> View {
        View {
            tail: Some(lines),
            ..View::WHOLE
        }
    }

    #[test]
    fn the_last_lines_are_counted_over_both_streams_in_the_order_in_which_they_began() {
        use Stream::{Stderr, Stdout};
        let chunks = || {
            vec![
                chunk(Stdout, 0, "one\ntw", 1),
                chunk(Stderr, 0, "oh\n", 2),
                chunk(Stdout, 6, "o\nthree\n", 3),
                // Without an end, a line all the same.
                chunk(Stderr, 3, "no", 4),
            ]
        };
        for (lines, expected) in [
            (0, (14, 5)),
            (1, (14, 3)),
            (2, (8, 3)),
            (3, (8, 0)),
            (4, (4, 0)),
            (5, (0, 0)),
            (u64::MAX, (0, 0)),
        ] {
            assert_eq!(begins(last(lines), chunks()), expected, "{lines}");
        }
    }

    #[test]
    fn lines_that_are_not_shown_are_not_counted() {
        use Stream::{Stderr, Stdout};
        let chunks = || {
            vec![
                chunk(Stdout, 0, "old\n", 1),
                chunk(Stdout, 4, "new\n", 5),
                chunk(Stderr, 0, "oh\n", 6),
            ]
        };
        let stdout_alone = View {
            streams: Streams {
                stdout: true,
                stderr: false,
            },
            ..last(1)
        };
        assert_eq!(begins(stdout_alone, chunks()), (4, 3));
        let since = View {
            since: Timestamp::from_second(5).ok(),
            ..last(9)
        };
        assert_eq!(begins(since, chunks()), (4, 0));
    }
}
