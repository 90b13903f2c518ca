//! What was seen of a row: reading a test's report, and writing `TEETH.md`.

use std::fmt::{self, Write as _};

use serde::Deserialize;

use super::table;

/// What one run of a test came to.
#[derive(Debug)]
pub enum Seen {
    /// It reported that what it is for was exercised, and held.
    Passed,
    /// It reported a broken promise.
    Violated { promise: String, what: String },
    /// It proved nothing.
    Nothing { why: String },
}

/// A line of a report.
#[derive(Deserialize)]
struct Line {
    test: String,
    verdict: String,
    #[serde(default)]
    promise: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    why: String,
}

impl Seen {
    pub fn none(why: &str) -> Self {
        Self::Nothing {
            why: why.to_owned(),
        }
    }

    /// Reads what a test reported: one verdict of its own, and nothing else.
    pub fn read(report: &str, test: &str) -> Self {
        let lines: Result<Vec<Line>, _> = report.lines().map(serde_json::from_str).collect();
        let Ok([line]) = lines.map_or_else(|_| Err(vec![]), <[Line; 1]>::try_from) else {
            return Self::none("the report is not one verdict");
        };
        match line.verdict.as_str() {
            _ if line.test != test => Self::none("the report is another test's"),
            "passed" => Self::Passed,
            "violated" => Self::Violated {
                promise: line.promise,
                what: line.what,
            },
            _ => Self::none(&line.why),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Violated { promise, what } => write!(f, "{promise}: {what}"),
            Self::Nothing { why } => write!(f, "nothing: {why}"),
        }
    }
}

/// A row of the table, and what was seen of it.
pub struct Row {
    pub of: &'static table::Row,
    pub clean: Seen,
    pub planted: Seen,
}

impl Row {
    /// Passed without the bug; and with it the named promise was broken, and no other.
    pub fn is_caught(&self) -> bool {
        matches!(self.clean, Seen::Passed)
            && matches!(&self.planted, Seen::Violated { promise, .. } if promise == self.of.promise)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table::Row { bug, test, promise } = self.of;
        if self.is_caught() {
            return write!(f, "caught    {bug} by {test}, {promise}");
        }
        write!(
            f,
            "SURVIVED  {bug}, not caught by {test} as {promise}\n    without it: {}\n    with it: {}",
            self.clean, self.planted
        )
    }
}

/// `TEETH.md`.
pub fn document(rows: &[Row]) -> String {
    let mut text = String::from(INTRODUCTION);
    for row in rows {
        let table::Row { bug, test, promise } = row.of;
        // What was seen differs from run to run: it is shown only where somebody has to look.
        let verdict = if row.is_caught() {
            "caught".to_owned()
        } else {
            format!("**survived**: {}", cell(&row.planted))
        };
        let _infallible = writeln!(text, "| `{bug}` | `{test}` | {promise} | {verdict} |");
    }
    text.push_str(NOT_HERE);
    text
}

/// What was seen, short enough for a table and without what would end a cell.
fn cell(seen: &Seen) -> String {
    const MOST: usize = 160;
    let text = seen.to_string().replace('|', "/").replace('\n', " ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

const INTRODUCTION: &str = "\
# Teeth

Written by `cargo xtask teeth`; not to be edited by hand. Each bug is planted in a test build, and the
test must say that this very promise is broken; the same test passes without the bug in the same run.
Time-outs, panics, other promises and `unknown` are not catches.

| bug | test | promise | |
|---|---|---|---|
";

const NOT_HERE: &str = "
`fifo_dropped` is planted on PostgreSQL alone: SQLite takes the line's beginning as a range of its key,
and refuses by itself to take what is not one.
";

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: table::Row = table::Row {
        bug: "a_bug",
        test: "a_test",
        promise: "S3",
    };

    fn row(clean: &str, planted: &str) -> Row {
        Row {
            of: &ROW,
            clean: Seen::read(clean, ROW.test),
            planted: Seen::read(planted, ROW.test),
        }
    }

    #[test]
    fn only_the_named_promise_of_the_named_test_that_passes_without_the_bug_is_a_catch() {
        let passed = r#"{"test":"a_test","verdict":"passed"}"#;
        let violated = r#"{"test":"a_test","verdict":"violated","promise":"S3","what":"4 of 3"}"#;
        assert!(row(passed, violated).is_caught());
        let unknown = r#"{"test":"a_test","verdict":"unknown","why":"not reached"}"#;
        let twice = format!("{violated}\n{violated}");
        for (clean, planted) in [
            (passed, passed),
            (violated, violated),
            (unknown, violated),
            (passed, unknown),
            (passed, ""),
            (passed, "{"),
            (passed, &twice),
            (passed, &violated.replace("S3", "S4")),
            (passed, &violated.replace("a_test", "another")),
        ] {
            assert!(!row(clean, planted).is_caught(), "{clean} {planted}");
        }
    }
}
