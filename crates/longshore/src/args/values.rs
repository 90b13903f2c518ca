//! Values of flags, as the JSON of a job's field.

use std::collections::BTreeMap;

use longshore_core::{Priority, Timestamp};
use serde_json::{Value, json};

use super::Pair;
use crate::exit::Refused;

/// `KEY=VALUE` arguments as an object; `without_value` says what a key alone means.
pub fn pairs(
    given: &[Pair],
    without_value: impl Fn(&str) -> Result<String, Refused>,
) -> Result<BTreeMap<String, String>, Refused> {
    let mut found = BTreeMap::new();
    for pair in given {
        let value = match &pair.value {
            Some(value) => value.clone(),
            None => without_value(&pair.key)?,
        };
        found.insert(pair.key.clone(), value);
    }
    Ok(found)
}

/// A key alone means nothing.
pub fn no_value(flag: &str, key: &str) -> Result<String, Refused> {
    Err(Refused::usage(format!("{flag} {key}: must be KEY=VALUE")))
}

/// As with Docker, a variable without `=` is taken from the environment of whoever submits.
pub fn from_environment(key: &str) -> Result<String, Refused> {
    std::env::var(key).map_err(|_| {
        Refused::usage(format!(
            "--env {key}: has no value, and this shell has no variable {key}"
        ))
        .hint(format!("--env {key}= sets it to nothing"))
    })
}

/// A number as JSON knows them: one that it can't write would be left out without a word.
pub fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| "must be a number, such as 1.5".to_owned())
}

/// A number, or its name.
pub fn priority(text: &str) -> Result<Value, Refused> {
    let priority = match text {
        "high" => Priority::HIGH,
        "normal" => Priority::NORMAL,
        "low" => Priority::LOW,
        number => {
            // Out of range is the parser's to say, in the same words as for a file.
            return number.parse::<i64>().map(Value::from).map_err(|_| {
                Refused::usage(format!(
                    "priority: {text:?} is neither a number from 0 to 100 nor high, normal or low"
                ))
            });
        }
    };
    Ok(json!(priority))
}

/// The same, where it is all that is meant.
pub fn priority_of(text: &str) -> Result<Priority, String> {
    let value = priority(text).map_err(|refused| refused.to_string())?;
    let number = value.as_i64().unwrap_or(i64::MAX);
    Priority::new(number).map_err(|error| error.to_string())
}

/// A time with its zone.
pub fn time(text: &str) -> Result<Value, Refused> {
    let at: Timestamp = text.parse().map_err(|_| {
        Refused::usage(format!("--at: {text:?} is not a time with its zone"))
            .hint("write it as in 2026-08-01T18:00:00Z or 2026-08-01T18:00:00+02:00 (RFC 3339)")
    })?;
    Ok(json!(at))
}

/// `75,111`, or `any`.
pub fn exit_codes(text: &str) -> Result<Value, Refused> {
    if text == "any" {
        return Ok(Value::from("any"));
    }
    let codes: Result<Vec<i32>, _> = text.split(',').map(|code| code.trim().parse()).collect();
    codes.map(|codes| json!(codes)).map_err(|_| {
        Refused::usage(format!(
            "--retry-exit-codes: {text:?} is neither 75,111 (say) nor any"
        ))
    })
}
