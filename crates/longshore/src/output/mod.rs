//! Writing: stdout is data, stderr is talk.
//!
//! Everything that the binary writes goes through here, since `println!` panics on a closed pipe.

pub mod table;
pub mod words;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

/// When output is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum ColorChoice {
    // On a terminal, unless `NO_COLOR` is set. No doc comments here: help would list each value
    // over three lines.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether a stream is coloured: the one rule for output and logs.
    pub fn is_on(self, is_terminal: bool) -> bool {
        self.decide(is_terminal, |name| std::env::var_os(name))
    }

    fn decide(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                // Empty is as good as not set: https://no-color.org.
                let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = variable("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !no_color && !dumb
            }
        }
    }
}

/// The reader of our stdout went away: end quietly.
#[derive(Debug, thiserror::Error)]
#[error("the pipe was closed")]
pub struct ClosedPipe;

/// Standard output.
pub struct Out {
    writer: BufWriter<Stdout>,
    /// Whether to colour.
    pub colored: bool,
}

impl Out {
    /// Standard output, coloured or not.
    pub fn new(color: ColorChoice) -> Self {
        let stdout = io::stdout();
        let colored = color.is_on(stdout.is_terminal());
        Self {
            writer: BufWriter::new(stdout),
            colored,
        }
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a value as one JSON document.
    pub fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(&text)
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.writer.write_all(bytes).map_err(closed_or_failed)
    }

    /// Sends what was written on its way. `main` does so at the end.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.writer.flush().map_err(closed_or_failed)
    }
}

fn closed_or_failed(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ClosedPipe.into();
    }
    anyhow::Error::new(error).context("writing to standard output")
}

/// Says something on stderr. Nobody may be listening: that is no reason to fail.
pub fn talk(line: &str) {
    let _unheard = crate::status::above(|| writeln!(io::stderr(), "longshore: {line}"));
}

/// Says on stderr what to try next.
pub fn hint(line: &str) {
    let _unheard = crate::status::above(|| writeln!(io::stderr(), "hint: {line}"));
}

/// Writes a job's own bytes to stderr, as they are.
pub fn stderr_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    io::stderr().write_all(bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return ClosedPipe.into();
        }
        anyhow::Error::new(error).context("writing to standard error")
    })
}

#[cfg(test)]
mod tests {
    use super::ColorChoice::{Always, Auto, Never};

    #[test]
    fn colour_is_for_terminals_unless_somebody_says_otherwise() {
        for (choice, is_terminal, variable, expected) in [
            (Auto, true, ("", ""), true),
            (Auto, false, ("", ""), false),
            (Auto, true, ("NO_COLOR", "1"), false),
            (Auto, true, ("NO_COLOR", ""), true),
            (Auto, true, ("TERM", "dumb"), false),
            (Always, false, ("NO_COLOR", "1"), true),
            (Never, true, ("", ""), false),
        ] {
            let set = |name: &str| (name == variable.0).then(|| variable.1.into());
            assert_eq!(
                choice.decide(is_terminal, set),
                expected,
                "{choice:?} {is_terminal} {variable:?}"
            );
        }
    }
}
