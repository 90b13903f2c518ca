//! Checks that several fields share, and the error that they give.

use super::MAX_SPEC_BYTES;
use crate::suggest::excerpt;

const MAX_ITEMS: usize = 4096;

/// What is wrong with one field of a spec.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{problem}", if field.is_empty() { "the job ".to_owned() } else { format!("{field}: ") })]
pub struct FieldError {
    /// The field's path, such as `mounts[0].target`; empty for the job as a whole.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl FieldError {
    /// What is wrong with one field, and what is allowed.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }

    pub(super) fn whole(problem: String) -> Self {
        Self {
            field: String::new(),
            problem,
        }
    }

    pub(super) fn too_large(bytes: usize) -> Self {
        Self::whole(format!(
            "is {bytes} bytes of JSON; at most {MAX_SPEC_BYTES} are allowed: \
             mount large input, or fetch it in the job"
        ))
    }
}

/// Whether `name` can name a queue or a template.
pub fn check_name(field: &str, name: &str) -> Result<(), FieldError> {
    let mut chars = name.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    if first && rest && name.len() <= 63 {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        format!(
            "{:?} is not a name: 1 to 63 lower-case letters, digits or . _ -, \
             a letter or digit first",
            excerpt(name)
        ),
    ))
}

/// Whether `key` can name an environment variable; the same in a job and in a template.
pub fn is_env_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(ends_env_key)
}

fn ends_env_key(c: char) -> bool {
    c == '=' || c == '\0' || c.is_whitespace()
}

/// How an error names a variable: what stands before the first character that a name can't hold,
/// because behind it may stand a value (`KEY=value` as a key).
pub(super) fn env_path(key: &str) -> String {
    let name = key.split(ends_env_key).next().unwrap_or_default();
    format!("env.{}", excerpt(name))
}

pub(super) fn label_path(key: &str) -> String {
    format!("labels.{}", excerpt(key))
}

pub(super) fn is_label_key(key: &str) -> bool {
    key.len() <= 63
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
}

pub(super) fn text(field: &str, value: Option<&str>, max: usize) -> Result<(), FieldError> {
    match value {
        Some(value)
            if !(1..=max).contains(&value.chars().count())
                || value.chars().any(|c| c.is_ascii_control()) =>
        {
            let problem =
                format!("must have 1 to {max} characters, none of them a control character");
            Err(FieldError::new(field, problem))
        }
        _ => Ok(()),
    }
}

pub(super) fn absolute(field: &str, path: &str) -> Result<(), FieldError> {
    no_nul(field, path)?;
    if path.starts_with('/') && path.len() <= 4096 {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        "must be an absolute path (it starts with /) of at most 4096 bytes",
    ))
}

pub(super) fn no_nul(field: &str, value: &str) -> Result<(), FieldError> {
    if value.contains('\0') {
        return Err(FieldError::new(field, "must not hold a NUL character"));
    }
    Ok(())
}

pub(super) fn bounded_len(field: &str, len: usize) -> Result<(), FieldError> {
    if len > MAX_ITEMS {
        return Err(FieldError::new(
            field,
            format!("must have at most {MAX_ITEMS} items"),
        ));
    }
    Ok(())
}
