//! Jobs as YAML: one or many documents, each a job or a list of jobs.
//!
//! Values mean what they mean in JSON: only `true` and `false` are booleans, `0755` and `1_000` are
//! texts, and a number that JSON can't write is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Options, Spanned};

use super::{Found, MAX_FILE_BYTES, MAX_JOBS};

/// Reads every document.
pub fn parse(text: &str) -> Result<Vec<Found>, String> {
    parse_within(text, options())
}

fn parse_within(text: &str, options: Options) -> Result<Vec<Found>, String> {
    let documents: Vec<Spanned<Document>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refuse(&error))?;
    let is_alone = documents.len() == 1;
    let mut found = Vec::new();
    for document in documents {
        match document.value {
            Document::Job(job) if is_alone => found.push(Found {
                place: String::new(),
                job,
            }),
            Document::Job(job) => found.push(Found {
                place: place(document.referenced.line()),
                job,
            }),
            Document::Jobs(jobs) => found.extend(jobs.into_iter().map(|job| Found {
                place: place(job.referenced.line()),
                job: job.value,
            })),
        }
    }
    Ok(found)
}

fn place(line: u64) -> String {
    format!("line {line}")
}

/// Without the lines around it: they may hold secrets.
fn refuse(error: &serde_saphyr::Error) -> String {
    // Several causes quote the scalar that they stumbled on; those say where and no more.
    let line = error
        .location()
        .map(|at| format!("line {}: ", at.line()))
        .unwrap_or_default();
    format!("{line}{}", problem_of(error.without_snippet()))
}

fn problem_of(error: &serde_saphyr::Error) -> &'static str {
    use serde_saphyr::Error;
    match error {
        Error::AliasError { error, .. } => problem_of(error),
        Error::DuplicateMappingKey { .. } => "the same key stands here twice",
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "is too large or too deep, or its anchors make it so: split it"
        }
        Error::UnknownAnchor { .. } => "names an anchor that is not there",
        Error::NonFiniteFloat { .. } => "holds a number that is not finite",
        _ => "is not YAML here: see that the indentation and the quotes are right",
    }
}

/// A file of the most jobs fits; what anchors may make of a text stays bounded.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_JOBS + 1,
            max_events: 40 * MAX_JOBS,
            max_nodes: 40 * MAX_JOBS,
            // Every job may merge one anchor; what that comes to is bounded by `alias_limits`.
            max_aliases: 4 * MAX_JOBS,
            max_merge_keys: 4 * MAX_JOBS,
            enforce_alias_anchor_ratio: false,
            max_total_scalar_bytes: usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX),
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

enum Document {
    Job(Value),
    Jobs(Vec<Spanned<Value>>),
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

/// Takes lists apart, so that each job keeps its line; anything else is one value.
struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a job or a list of jobs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
        let mut jobs = Vec::new();
        while let Some(job) = items.next_element()? {
            jobs.push(job);
        }
        Ok(Document::Jobs(jobs))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Document, A::Error> {
        Value::deserialize(serde::de::value::MapAccessDeserializer::new(fields)).map(Document::Job)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Document, E> {
        Ok(Document::Job(Value::from(text)))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Job(Value::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Document, E> {
        Ok(Document::Job(Value::from(number)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Document, E> {
        Ok(Document::Job(Value::from(number)))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Document, E> {
        Ok(Document::Job(Value::from(number)))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Document, E> {
        Ok(Document::Job(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jobs(text: &str) -> Vec<(String, Value)> {
        let found = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        found.into_iter().map(|f| (f.place, f.job)).collect()
    }

    #[test]
    fn documents_and_lists_are_read_in_order_with_their_lines() {
        let a = || json!({"command": ["a"]});
        let b = || json!({"command": ["b"]});
        assert_eq!(jobs("command: [a]\n"), [(String::new(), a())]);
        assert_eq!(
            jobs("# two\ncommand: [a]\n---\ncommand:\n- b\n"),
            [("line 2".to_owned(), a()), ("line 4".to_owned(), b())]
        );
        assert_eq!(
            jobs("- command: [a]\n\n- command: [b]\n"),
            [("line 1".to_owned(), a()), ("line 3".to_owned(), b())]
        );
        for empty in ["", "# nothing\n", "---\n---\n", "[]\n"] {
            assert_eq!(jobs(empty), [], "{empty:?}");
        }
    }

    #[test]
    fn values_mean_what_they_mean_in_json() {
        let text = "env: {NO: no, MODE: 0755, N: \"1\"}\ncpus: 1.5\nhold: true\nmemory: 512m\n\
                    at: 2026-08-01T18:00:00Z\nbig: 9007199254740993\ncommand: [echo, \"1\"]\n";
        let expected = json!({
            "env": {"NO": "no", "MODE": "0755", "N": "1"}, "cpus": 1.5, "hold": true,
            "memory": "512m", "at": "2026-08-01T18:00:00Z", "big": 9_007_199_254_740_993_i64,
            "command": ["echo", "1"],
        });
        assert_eq!(jobs(text), [(String::new(), expected)]);
    }

    #[test]
    fn anchors_and_merges_share_what_jobs_have_in_common() {
        let text = "- &base\n  image: alpine\n  command: [a]\n- <<: *base\n  command: [b]\n";
        let jobs = jobs(text);
        assert_eq!(jobs[1].1, json!({"image": "alpine", "command": ["b"]}));
    }

    #[test]
    fn a_slip_is_named_by_its_line_and_shows_no_value() {
        for (text, problem) in [
            ("command: [a]\nenv:\n  A: \"hunter2\n", "line "),
            (
                "command: [a]\nenv: {A: hunter2}\nenv: {}\n",
                "line 3: the same key",
            ),
            ("command: [a]\ncpus: .inf\n", "line 2: holds a number"),
            ("a: *hunter2\n", "line 1: names an anchor"),
            ("a: [hunter2\nb: 1\n", "line "),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.starts_with(problem), "{text:?}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn one_anchor_serves_a_thousand_jobs() {
        let base = "- &base {image: alpine, env: {A: b}}\n";
        let text = [base, &"- {<<: *base, command: [x]}\n".repeat(1000)].concat();
        assert_eq!(jobs(&text).len(), 1001);
    }

    #[test]
    fn anchors_that_multiply_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{},", level - 1).repeat(9);
            text = format!("{text}a{level}: &a{level} [{below}]\n");
        }
        let mut options = options();
        let most = &mut options.alias_limits.max_total_replayed_events;
        assert!(*most <= 1_000_000, "it is bounded");
        // A test need not wait for all of it.
        *most = 10_000;
        let said = parse_within(&text, options).expect_err("9 to the 12th");
        assert!(said.contains("is too large or too deep"), "{said}");
    }
}
