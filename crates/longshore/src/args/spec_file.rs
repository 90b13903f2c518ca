//! Jobs from a file: a JSON object, a JSON array of objects, or JSON lines.
//!
//! The whole file is read and checked before anything is submitted, so that a bad line is named
//! and nothing of its file has happened.

use std::io::Read;
use std::path::Path;

use longshore_core::spec::{FieldError, ValidSpec, parse_json, parse_value};
use serde_json::Value;

use crate::exit::Refused;

/// The most jobs of one file. They are submitted in one transaction, all or none; a longer one
/// would hold up every other submission for too long.
pub const MAX_JOBS: usize = 100_000;

/// The largest file that is read: it is held in memory whole.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Reads every job of a file, or of stdin for `-`. Those that name no queue go to the default one.
pub fn read_specs(path: &Path, default_queue: Option<&str>) -> anyhow::Result<Vec<ValidSpec>> {
    let name = if path == Path::new("-") {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    };
    let text = read(path, &name)?;
    let in_queue = |spec| in_queue(spec, default_queue).map_err(|error| whole(&error));
    let specs = parse(&text)
        .and_then(|specs| specs.into_iter().map(in_queue).collect())
        .map_err(|problem| {
            Refused::failed(format!("{name}: {problem}"))
                .hint("nothing was submitted; docs/job.md says what each field of a job may hold")
        })?;
    Ok(specs)
}

fn in_queue(job: ValidSpec, default: Option<&str>) -> Result<ValidSpec, FieldError> {
    let Some(queue) = default.filter(|_| job.spec().queue.is_none()) else {
        return Ok(job);
    };
    let hold = job.is_held();
    let mut spec = job.into_spec();
    spec.queue = Some(queue.to_owned());
    Ok(spec.validate()?.held(hold))
}

fn read(path: &Path, name: &str) -> Result<String, Refused> {
    let refuse = |problem: String| Refused::failed(format!("{name}: {problem}"));
    let mut bytes = Vec::new();
    let mut reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(|e| refuse(format!("can't be opened: {e}")))?)
    };
    reader
        .by_ref()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| refuse(format!("can't be read: {e}")))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(refuse(format!(
            "is larger than {MAX_FILE_BYTES} bytes: split it"
        )));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n');
        refuse(format!("line {}: is not UTF-8 text", line.count() + 1))
    })
}

fn parse(text: &str) -> Result<Vec<ValidSpec>, String> {
    let specs = match Form::of(text) {
        Form::Empty => Vec::new(),
        Form::Array => parse_array(text)?,
        Form::Lines => parse_lines(text)?,
        Form::Single => vec![parse_json(text).map_err(|e| whole(&e))?],
    };
    if specs.is_empty() {
        return Err("holds no job".to_owned());
    }
    if specs.len() > MAX_JOBS {
        let found = specs.len();
        return Err(format!(
            "holds {found} jobs; at most {MAX_JOBS} go in one file: split it"
        ));
    }
    Ok(specs)
}

/// How a file is written.
enum Form {
    Empty,
    Array,
    Lines,
    Single,
}

impl Form {
    /// Lines, if the first line is a JSON value by itself, or would be but for an error and the
    /// second begins another object; else one value, which may span lines.
    fn of(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let Some(first) = lines.next() else {
            return Self::Empty;
        };
        if first.trim_start().starts_with('[') {
            return Self::Array;
        }
        match lines.next() {
            None => Self::Single,
            Some(second) => {
                let first_is_whole = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
                if first_is_whole || second.starts_with('{') {
                    Self::Lines
                } else {
                    Self::Single
                }
            }
        }
    }
}

fn parse_lines(text: &str) -> Result<Vec<ValidSpec>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            parse_json(line).map_err(|error| format!("line {}: {}", index + 1, whole(&error)))
        })
        .collect()
}

fn parse_array(text: &str) -> Result<Vec<ValidSpec>, String> {
    let jobs: Vec<Value> =
        serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    jobs.into_iter()
        .enumerate()
        .map(|(index, job)| {
            parse_value(job)
                .map_err(|error| format!("job {} of the array: {}", index + 1, whole(&error)))
        })
        .collect()
}

/// The error without a second "the job": the place was named already.
fn whole(error: &FieldError) -> String {
    if error.field.is_empty() {
        error.problem.clone()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let specs = parse(text).expect(text);
        specs
            .iter()
            .map(|spec| spec.spec().command.join(" "))
            .collect()
    }

    #[test]
    fn objects_arrays_and_lines_are_read_in_order() {
        assert_eq!(commands("{\n  \"command\": [\"a\"]\n}\n"), ["a"]);
        assert_eq!(
            commands(r#"[{"command":["a"]}, {"command":["b"]}]"#),
            ["a", "b"]
        );
        assert_eq!(
            commands("{\"command\":[\"a\"]}\n\n{\"command\":[\"b\"]}\n"),
            ["a", "b"]
        );
    }

    #[test]
    fn a_bad_line_is_named_wherever_it_stands() {
        let good = r#"{"command":["a"]}"#;
        for (lines, line) in [
            (
                [good, good, "{\"command\":["].join("\n"),
                "line 3: is not JSON",
            ),
            (["{\"command\":[", good].join("\n"), "line 1: is not JSON"),
            (
                [good, "", r#"{"comand":["a"]}"#].join("\n"),
                "line 3: comand: is not a field",
            ),
            ([good, "[]"].join("\n"), "line 2: must be an object"),
        ] {
            let problem = parse(&lines).expect_err(&lines);
            assert!(problem.starts_with(line), "{problem}");
        }
    }

    #[test]
    fn what_is_no_job_is_refused() {
        for (text, problem) in [
            ("", "holds no job"),
            ("\n \n", "holds no job"),
            ("[]", "holds no job"),
            (" [\n]\n", "holds no job"),
            ("hello", "is not JSON"),
            (
                "[{\"command\":[\"a\"]},{}]",
                "job 2 of the array: needs an image",
            ),
            ("[1", "is not JSON"),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.starts_with(problem), "{text:?}: {said}");
        }
    }
}
