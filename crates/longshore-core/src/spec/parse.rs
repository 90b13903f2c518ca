//! From JSON to a [`ValidSpec`], with errors that name the field and what is allowed.

use serde_json::Value;

use super::checks::{FieldError, env_path, label_path};
use super::{JobSpec, MAX_SPEC_BYTES, ValidSpec};
use crate::suggest::{self, excerpt};

/// Every field of a job, in the order of the reference.
pub const FIELDS: [&str; 32] = [
    "name",
    "description",
    "submitted_by",
    "labels",
    "image",
    "command",
    "entrypoint",
    "env",
    "secret_env",
    "env_templates",
    "working_directory",
    "user",
    "mounts",
    "networks",
    "devices",
    "privileged",
    "memory",
    "cpus",
    "pids_limit",
    "run_timeout",
    "queue_timeout",
    "no_output_timeout",
    "stop_grace",
    "queue",
    "priority",
    "scheduled_for",
    "max_retries",
    "retry_strategy",
    "retry_exit_codes",
    "pull",
    "idempotency_key",
    "hold",
];

/// Fields that hold one word of several. Serde would also take them as `{"default": null}`, and a
/// mount, a network or a device as a list of its values, which is nobody's intention.
const WORDS: [&str; 2] = ["retry_strategy", "pull"];
const MOUNT_FIELDS: [&str; 4] = ["type", "source", "target", "read_only"];
const NETWORK_FIELDS: [&str; 2] = ["name", "aliases"];
const DEVICE_FIELDS: [&str; 3] = ["source", "target", "permissions"];

/// Reads one job from JSON text.
pub fn parse_json(text: &str) -> Result<ValidSpec, FieldError> {
    if text.len() > 2 * MAX_SPEC_BYTES {
        return Err(FieldError::too_large(text.len()));
    }
    let value =
        serde_json::from_str(text).map_err(|e| FieldError::whole(format!("is not JSON: {e}")))?;
    parse_value(value)
}

/// Reads one job from a JSON value. `null` stands for an absent field.
pub fn parse_value(mut value: Value) -> Result<ValidSpec, FieldError> {
    let Value::Object(fields) = &mut value else {
        return Err(FieldError::whole(
            "must be an object such as {\"command\": [\"echo\", \"hello\"]}".to_owned(),
        ));
    };
    // Names first: a slip is a slip whatever the field holds.
    known_fields("", fields.keys(), &FIELDS)?;
    fields.retain(|_, value| !value.is_null());
    let mut hold = false;
    if let Some(value) = fields.remove("hold") {
        hold = value
            .as_bool()
            .ok_or_else(|| FieldError::new("hold", "must be true or false"))?;
    }
    are_texts("labels", fields.get("labels"), label_path)?;
    // Ahead of serde, whose errors quote what they found: here that may be a secret.
    are_texts("env", fields.get("env"), env_path)?;
    for word in WORDS {
        is_text(word, fields.get(word))?;
    }
    for (list, known) in [
        ("mounts", &MOUNT_FIELDS[..]),
        ("networks", &NETWORK_FIELDS[..]),
        ("devices", &DEVICE_FIELDS[..]),
    ] {
        let items = fields
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (index, item) in items.enumerate() {
            let path = format!("{list}[{index}]");
            let Some(item) = item.as_object() else {
                let problem = format!("must be an object with {}", known.join(", "));
                return Err(FieldError::new(path, problem));
            };
            known_fields(&format!("{path}."), item.keys(), known)?;
            is_text(&format!("{path}.type"), item.get("type"))?;
        }
    }
    let spec: JobSpec = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        FieldError::new(path, without_its_middle(&error.into_inner().to_string()))
    })?;
    Ok(spec.validate()?.held(hold))
}

fn is_text(path: &str, value: Option<&Value>) -> Result<(), FieldError> {
    match value {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(FieldError::new(path, "must be a text")),
    }
}

/// An object whose values are texts; `path_of` says how an error names a key.
fn are_texts(
    field: &str,
    value: Option<&Value>,
    path_of: fn(&str) -> String,
) -> Result<(), FieldError> {
    let items = match value {
        None => return Ok(()),
        Some(Value::Object(items)) => items,
        Some(_) => return Err(FieldError::new(field, "must be an object of texts")),
    };
    match items.iter().find(|(_, value)| !value.is_string()) {
        Some((key, _)) => Err(FieldError::new(path_of(key), "must be a text")),
        None => Ok(()),
    }
}

/// Serde says first what it found, quoted whole, and last what it expected.
fn without_its_middle(message: &str) -> String {
    const KEPT: usize = 200;
    let start = message.floor_char_boundary(KEPT);
    let end = message.ceil_char_boundary(message.len().saturating_sub(KEPT));
    if start >= end {
        return message.to_owned();
    }
    format!("{}…{}", &message[..start], &message[end..])
}

fn known_fields<'a>(
    inside: &str,
    given: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), FieldError> {
    for name in given {
        if !known.contains(&name.as_str()) {
            let hint = suggest::hint(&excerpt(name), known.iter().copied());
            return Err(FieldError::new(
                format!("{inside}{}", excerpt(name)),
                format!("is not a field of a job; {hint}"),
            ));
        }
    }
    Ok(())
}
