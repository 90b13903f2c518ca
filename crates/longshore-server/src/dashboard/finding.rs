//! Looking for a text in what a job wrote.

use std::time::{Duration, Instant};

use longshore_core::JobId;
use longshore_core::output::Stream;
use longshore_core::store::{Store, StoreResult};
use vte::{Parser, Perform};

use super::words::bytes;
use crate::streams::output::{self, Told};
use crate::streams::place::Place;

/// Lines that are shown.
const SHOWN: usize = 200;
/// What is shown of a line, in bytes.
const LONGEST: usize = 400;
/// A line is looked through up to here; a job may write a gigabyte without a line's end.
const KEPT: usize = 64 * 1024;
/// So long is looked; the rest is for whoever takes the output whole.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line with the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hit {
    /// Of which attempt, and of which stream.
    pub attempt: i32,
    pub stream: &'static str,
    /// Its number within them, from 1.
    pub line: u64,
    pub text: String,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub wanted: String,
    pub hits: Vec<Hit>,
    /// How many lines have it, shown or not.
    pub count: u64,
    /// How much was looked through, if that was not all.
    pub looked_at: Option<String>,
    /// Whether there are lines so long that not all of them was looked through.
    pub is_cut: bool,
}

/// Looks through the output from its beginning.
pub(super) async fn find(store: &dyn Store, job: JobId, wanted: &str) -> StoreResult<Found> {
    let mut seeker = Seeker::new(wanted);
    let mut place: Option<Place> = None;
    let mut looked_at = 0;
    let begun = Instant::now();
    let is_all = loop {
        let events = output::after(store, job, place).await?;
        let Some(last) = events.last() else {
            break true;
        };
        place = Some(last.place);
        for event in &events {
            match &event.told {
                Told::Attempt => seeker.begin(event.place.attempt.0),
                Told::Output(chunk) => {
                    looked_at += chunk.bytes.len() as u64;
                    seeker.read(chunk.stream, &chunk.bytes);
                }
                Told::Gap { stream, .. } => seeker.skip(*stream),
                Told::End(_) => {}
            }
        }
        if last.place.is_over {
            break true;
        }
        if begun.elapsed() > PATIENCE {
            break false;
        }
    };
    Ok(Found {
        looked_at: (!is_all).then(|| bytes(looked_at)),
        ..seeker.finish()
    })
}

/// Takes lines as they come, of both streams.
struct Seeker {
    wanted: String,
    attempt: i32,
    streams: [Lines; 2],
    found: Found,
}

/// A stream's lines: the one that is begun, and how many there were.
#[derive(Default)]
struct Lines {
    parser: Parser,
    line: Plain,
    number: u64,
}

/// A line as people read it: without what chooses colours.
#[derive(Default)]
struct Plain {
    text: String,
    /// Those that have ended.
    ended: Vec<String>,
    /// Whether the last was a carriage return: before a line's end it is part of that, else it ends a line, as
    /// on the page.
    is_back: bool,
    /// Whether something did not fit.
    is_cut: bool,
}

impl Plain {
    fn end(&mut self) {
        self.ended.push(std::mem::take(&mut self.text));
    }
}

impl Perform for Plain {
    fn print(&mut self, letter: char) {
        if std::mem::take(&mut self.is_back) && !self.text.is_empty() {
            self.end();
        }
        if self.text.len() < KEPT {
            self.text.push(letter);
        } else {
            self.is_cut = true;
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.is_back = false;
                self.end();
            }
            b'\r' => self.is_back = true,
            b'\t' => self.print('\t'),
            _ => {}
        }
    }
}

impl Seeker {
    fn new(wanted: &str) -> Self {
        Self {
            wanted: wanted.to_lowercase(),
            attempt: 1,
            streams: Default::default(),
            found: Found {
                wanted: wanted.to_owned(),
                ..Found::default()
            },
        }
    }

    /// Another attempt: its lines are counted anew.
    fn begin(&mut self, attempt: i32) {
        self.end_lines();
        self.streams = Default::default();
        self.attempt = attempt;
    }

    fn read(&mut self, stream: Stream, bytes: &[u8]) {
        let lines = &mut self.streams[index(stream)];
        lines.parser.advance(&mut lines.line, bytes);
        self.found.is_cut |= lines.line.is_cut;
        for text in std::mem::take(&mut lines.line.ended) {
            self.look(stream, &text);
        }
    }

    /// Something was left out here: what follows is no part of the line before.
    fn skip(&mut self, stream: Stream) {
        let line = std::mem::take(&mut self.streams[index(stream)].line.text);
        self.look(stream, &line);
    }

    fn look(&mut self, stream: Stream, text: &str) {
        let lines = &mut self.streams[index(stream)];
        lines.number += 1;
        let lower = text.to_lowercase();
        let Some(place) = lower.find(&self.wanted) else {
            return;
        };
        self.found.count += 1;
        if self.found.hits.len() < SHOWN {
            self.found.hits.push(Hit {
                attempt: self.attempt,
                stream: class(stream),
                line: lines.number,
                text: around(text, place),
            });
        }
    }

    /// Lines that have no end.
    fn end_lines(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let line = std::mem::take(&mut self.streams[index(stream)].line.text);
            if !line.is_empty() {
                self.look(stream, &line);
            }
        }
    }

    fn finish(mut self) -> Found {
        self.end_lines();
        self.found
    }
}

/// As much of a line as is shown, with what is around this place of it.
fn around(text: &str, place: usize) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    // In lower case a few letters are longer or shorter: about there is near enough.
    let begin = text.floor_char_boundary(place.min(text.len()).saturating_sub(LONGEST / 4));
    let end = text.floor_char_boundary((begin + LONGEST).min(text.len()));
    let (before, behind) = (begin > 0, end < text.len());
    let mark = |is_cut| if is_cut { "…" } else { "" };
    format!("{}{}{}", mark(before), &text[begin..end], mark(behind))
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

/// The class that the style sheet has for a stream.
fn class(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "out",
        Stream::Stderr => "err",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(found: &Found) -> Vec<(i32, &str, u64, &str)> {
        let hits = found.hits.iter();
        hits.map(|hit| (hit.attempt, hit.stream, hit.line, &*hit.text))
            .collect()
    }

    #[test]
    fn lines_are_whole_whatever_pieces_they_come_in_and_counted_by_stream_and_attempt() {
        let mut seeker = Seeker::new("Error");
        seeker.read(Stream::Stdout, b"fine\nan \x1b[31mer");
        seeker.read(Stream::Stderr, b"error one\n");
        seeker.read(Stream::Stdout, b"ror\x1b[0m\n");
        seeker.begin(2);
        seeker.read(Stream::Stdout, b"no end: ERROR");
        let found = seeker.finish();
        assert_eq!(
            hits(&found),
            [
                (1, "err", 1, "error one"),
                (1, "out", 2, "an error"),
                (2, "out", 1, "no end: ERROR"),
            ]
        );
        assert_eq!(found.count, 3);
    }

    #[test]
    fn what_was_left_out_ends_a_line_and_long_ones_are_cut() {
        let mut seeker = Seeker::new("x");
        seeker.read(Stream::Stdout, b"a");
        seeker.skip(Stream::Stdout);
        seeker.read(Stream::Stdout, b"x\n");
        seeker.read(Stream::Stdout, &[b'x'; 10_000]);
        let found = seeker.finish();
        assert_eq!(hits(&found)[0], (1, "out", 2, "x"));
        assert_eq!(found.hits[1].text.chars().count(), LONGEST + 1);
        let mut seeker = Seeker::new("needle");
        let long = [&[b'-'; 1000][..], b"Needle", &[b'-'; 1000]].concat();
        seeker.read(Stream::Stdout, &long);
        assert!(!seeker.found.is_cut);
        assert!(seeker.finish().hits[0].text.contains("Needle"));
        let mut seeker = Seeker::new("needle");
        seeker.read(Stream::Stdout, &vec![b'-'; KEPT + 1]);
        assert!(seeker.finish().is_cut);
        let mut seeker = Seeker::new("b");
        seeker.read(Stream::Stdout, b"10%\r20% b\r\nb\r\n");
        assert_eq!(
            hits(&seeker.finish()),
            [(1, "out", 2, "20% b"), (1, "out", 3, "b")]
        );
        let mut seeker = Seeker::new("y");
        for _ in 0..500 {
            seeker.read(Stream::Stdout, b"y\n");
        }
        let found = seeker.finish();
        assert_eq!((found.hits.len(), found.count), (SHOWN, 500));
    }
}
