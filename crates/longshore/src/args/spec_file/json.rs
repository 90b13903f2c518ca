//! Jobs as JSON: an object, an array of objects, or an object per line.

use serde_json::Value;

use super::Found;

/// Reads a JSON text, or JSON lines under that name.
pub fn parse(text: &str) -> Result<Vec<Found>, String> {
    match Form::of(text) {
        Form::Empty => Ok(Vec::new()),
        Form::Array => parse_array(text),
        Form::Lines => parse_lines(text),
        Form::Single => Ok(vec![Found {
            place: String::new(),
            job: serde_json::from_str(text).map_err(|error| not_json(&error))?,
        }]),
    }
}

/// Reads JSON lines.
pub fn parse_lines(text: &str) -> Result<Vec<Found>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let place = format!("line {}", index + 1);
            match serde_json::from_str(line) {
                Ok(job) => Ok(Found { place, job }),
                // Its own line number is always 1.
                Err(error) => Err(format!("{place}: is not JSON: {error}")),
            }
        })
        .collect()
}

fn parse_array(text: &str) -> Result<Vec<Found>, String> {
    let jobs: Vec<Value> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let place = |index: usize| format!("job {} of the array", index + 1);
    let found = jobs.into_iter().enumerate().map(|(index, job)| Found {
        place: place(index),
        job,
    });
    Ok(found.collect())
}

fn not_json(error: &serde_json::Error) -> String {
    format!("is not JSON: {error}")
}

/// How a text is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(text: &str) -> Vec<String> {
        let found = parse(text).expect(text);
        let program = |found: Found| found.job["command"][0].as_str().map(str::to_owned);
        found.into_iter().filter_map(program).collect()
    }

    #[test]
    fn objects_arrays_and_lines_are_read_in_order() {
        assert_eq!(programs("{\n  \"command\": [\"a\"]\n}\n"), ["a"]);
        assert_eq!(
            programs(r#"[{"command":["a"]}, {"command":["b"]}]"#),
            ["a", "b"]
        );
        assert_eq!(
            programs("{\"command\":[\"a\"]}\n\n{\"command\":[\"b\"]}\n"),
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
        ] {
            let problem = parse(&lines).expect_err(&lines);
            assert!(problem.starts_with(line), "{problem}");
        }
        let found = parse(&[good, "", good].join("\n")).expect("two jobs");
        let places: Vec<&str> = found.iter().map(|found| &found.place[..]).collect();
        assert_eq!(places, ["line 1", "line 3"]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["hello", "[1", "{\"command\": [\"a\"]"] {
            let said = parse(text).expect_err(text);
            assert!(said.starts_with("is not JSON"), "{text:?}: {said}");
        }
        for empty in ["", "\n \n", "[]", " [\n]\n"] {
            assert!(parse(empty).expect(empty).is_empty(), "{empty:?}");
        }
    }
}
