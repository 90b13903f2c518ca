//! One table of what a job's spec may hold, for everything that reads specs.
//!
//! The table is `spec_cases.json` beside this file: a name, a spec, and whether it is accepted or
//! refused with an error that names a certain field. The Rust parser is tested against it here,
//! `longshore.submit(jsonb)` in the PostgreSQL store's tests: so what one refuses, the other
//! refuses too.
//!
//! So that the table stays readable, three notations stand for values that are long:
//! `{"$repeat": [text, n]}` for a text repeated, `{"$items": [value, n]}` for a list of one value,
//! and `{"$keys": [prefix, n, value]}` for an object with numbered keys.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What stands for the value of a variable in the cases of `env`.
const SECRETS: [&str; 2] = ["hunter2", "1234"];

/// No error is longer, in bytes, however long what it refuses.
const MAX_ERROR_BYTES: usize = 1000;

/// One case.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecCase {
    /// What it shows.
    pub name: String,
    /// What is submitted.
    pub spec: Value,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a spec.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is a job.
    Accepted,
    /// It is refused, by an error whose text holds this: the field's name as a rule.
    Refused(String),
}

impl SpecCase {
    /// Whether a NUL character is in it somewhere. PostgreSQL's `jsonb` can't hold one, and refuses
    /// it before anybody can name the field.
    pub fn holds_nul(&self) -> bool {
        fn holds(value: &Value) -> bool {
            match value {
                Value::String(text) => text.contains('\0'),
                Value::Array(items) => items.iter().any(holds),
                Value::Object(fields) => fields
                    .iter()
                    .any(|(key, value)| key.contains('\0') || holds(value)),
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
            }
        }
        holds(&self.spec)
    }

    /// Says how `answer` (the error's text, if it was refused) differs from the verdict, or what it
    /// should have kept to itself: an error never shows what was meant as a variable's value, nor
    /// repeats a long text whole.
    pub fn check(&self, answer: Result<(), &str>) -> Result<(), String> {
        let name = &self.name;
        if let Err(error) = answer
            && let Some(secret) = SECRETS.iter().find(|secret| error.contains(**secret))
            && self.spec["env"].to_string().contains(secret)
        {
            return Err(format!("{name}: the error shows {secret:?}: {error}"));
        }
        if let Err(error) = answer
            && error.len() > MAX_ERROR_BYTES
        {
            return Err(format!("{name}: an error of {} bytes", error.len()));
        }
        match (&self.verdict, answer) {
            (Verdict::Accepted, Ok(())) => Ok(()),
            (Verdict::Accepted, Err(error)) => Err(format!("{name}: refused: {error}")),
            (Verdict::Refused(part), Ok(())) => {
                Err(format!("{name}: accepted, though {part:?} is wrong"))
            }
            (Verdict::Refused(part), Err(error)) if error.contains(part) => Ok(()),
            (Verdict::Refused(part), Err(error)) => {
                Err(format!("{name}: the error does not name {part:?}: {error}"))
            }
        }
    }
}

/// Every case of the table, its notations written out.
pub fn all() -> Vec<SpecCase> {
    let cases: Vec<SpecCase> =
        serde_json::from_str(include_str!("spec_cases.json")).expect("the table is well-formed");
    cases
        .into_iter()
        .map(|case| SpecCase {
            spec: written_out(case.spec),
            ..case
        })
        .collect()
}

fn written_out(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(written_out).collect()),
        Value::Object(mut fields) => {
            let mut notation = |name: &str| fields.remove(name).map(arguments);
            if let Some(arguments) = notation("$repeat") {
                let text = arguments[0].as_str().expect("a text");
                return Value::String(text.repeat(count(&arguments[1])));
            }
            if let Some(arguments) = notation("$items") {
                return Value::Array(vec![arguments[0].clone(); count(&arguments[1])]);
            }
            if let Some(arguments) = notation("$keys") {
                let prefix = arguments[0].as_str().expect("a text");
                let keys = (0..count(&arguments[1])).map(|n| format!("{prefix}{n}"));
                return Value::Object(keys.map(|key| (key, arguments[2].clone())).collect());
            }
            let fields: Map<_, _> = fields
                .into_iter()
                .map(|(key, value)| (key, written_out(value)))
                .collect();
            Value::Object(fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn arguments(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.into_iter().map(written_out).collect(),
        other => panic!("a notation has a list of arguments, not {other}"),
    }
}

fn count(value: &Value) -> usize {
    value
        .as_u64()
        .and_then(|n| usize::try_from(n).ok())
        .expect("a count")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_core::spec::{FIELDS, parse_json, parse_value};

    use super::*;

    #[test]
    fn the_rust_parser_agrees_with_every_case() {
        let wrong: Vec<String> = all()
            .into_iter()
            .filter_map(|case| {
                let refusal = parse_value(case.spec.clone()).err().map(|e| e.to_string());
                case.check(refusal.as_deref().map_or(Ok(()), Err)).err()
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} cases:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    #[test]
    fn what_is_accepted_is_accepted_again_as_it_is_stored() {
        for case in all()
            .into_iter()
            .filter(|case| case.verdict == Verdict::Accepted)
        {
            let first = parse_value(case.spec).expect("accepted").into_spec();
            let stored = serde_json::to_string(&first).expect("a spec is JSON");
            let again = parse_json(&stored).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            assert_eq!(again.into_spec(), first, "{}", case.name);
        }
    }

    #[test]
    fn every_field_is_accepted_by_one_case_and_refused_by_another() {
        let cases = all();
        for field in FIELDS {
            let with = |verdict: fn(&Verdict) -> bool| {
                cases
                    .iter()
                    .any(|case| case.spec.get(field).is_some() && verdict(&case.verdict))
            };
            assert!(
                with(|verdict| *verdict == Verdict::Accepted),
                "{field} is never accepted"
            );
            assert!(
                with(|verdict| *verdict != Verdict::Accepted),
                "{field} is never refused"
            );
        }
    }

    #[test]
    fn names_are_told_apart_and_notations_are_written_out() {
        let cases = all();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        for notation in ["$repeat", "$items", "$keys"] {
            assert!(
                cases
                    .iter()
                    .all(|case| !case.spec.to_string().contains(notation))
            );
        }
        let repeat = written_out(serde_json::json!({ "$repeat": ["ab", 2] }));
        assert_eq!(repeat, "abab");
        let keys = serde_json::json!({ "$keys": ["k", 2, { "$items": [1, 2] }] });
        assert_eq!(
            written_out(keys),
            serde_json::json!({ "k0": [1, 1], "k1": [1, 1] })
        );
    }
}
