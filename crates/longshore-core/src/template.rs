//! Environment templates: named, versioned `KEY=value` lines that jobs share.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::{EnvValue, FieldError, check_name, is_env_key};

/// One version of a template. Saving a template again makes a new version; none is ever changed.
/// `Debug` hides the body, whose values may be secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Template {
    /// Its name.
    pub name: String,
    /// 1 for the first; the newest is the one that launches use.
    pub version: i32,
    /// The lines as they were saved.
    pub body: String,
    /// When this version was saved.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub created_at: jiff::Timestamp,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("body", &format_args!("***"))
            .field("created_at", &self.created_at)
            .finish()
    }
}

/// A line that is not `KEY=value`. Says which, and nothing of what is in it: where the form is
/// wrong, any part of the line may be a value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} is not KEY=value, a # comment or empty")]
pub struct TemplateError {
    /// Counting from 1.
    pub line: usize,
}

/// The largest template that is accepted, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// Whether a template can be saved: its name, its size, and that [`parse_template`] reads it. Every
/// store asks this first.
pub fn check_template(name: &str, body: &str) -> Result<(), FieldError> {
    check_name("name", name)?;
    let refuse = |problem: String| FieldError::new("body", problem);
    if body.len() > MAX_TEMPLATE_BYTES {
        return Err(refuse(format!(
            "has {} bytes; at most {MAX_TEMPLATE_BYTES} are allowed",
            body.len()
        )));
    }
    // In a comment too: not every database can hold it.
    if body.contains('\0') {
        return Err(refuse("must not hold a NUL character".to_owned()));
    }
    parse_template(body).map_err(|error| refuse(error.to_string()))?;
    Ok(())
}

/// Reads `KEY=value` lines. Lines that are empty or begin with `#` are skipped; the value is
/// everything after the first `=`, as written; a later line wins over an earlier one.
pub fn parse_template(body: &str) -> Result<BTreeMap<String, EnvValue>, TemplateError> {
    let mut env = BTreeMap::new();
    for (index, line) in body.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match trimmed.split_once('=') {
            Some((key, value)) if is_env_key(key) && !value.contains('\0') => {
                env.insert(key.to_owned(), EnvValue::from(value));
            }
            Some(_) | None => return Err(TemplateError { line: index + 1 }),
        }
    }
    Ok(env)
}

/// The environment of a launch: templates in order, later ones over earlier ones, the job's own
/// values over all.
pub fn resolve_env(
    templates: &[BTreeMap<String, EnvValue>],
    own: &BTreeMap<String, EnvValue>,
) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for source in templates.iter().chain([own]) {
        env.extend(
            source
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_key_value_lines_with_comments() {
        let env = parse_template("# a comment\n\nA=1\nB=x=y \n  C=\nA=2\n").expect("well-formed");
        let shown: Vec<_> = env.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
        assert_eq!(shown, [("A", "2"), ("B", "x=y "), ("C", "")]);
    }

    #[test]
    fn an_error_names_the_line_and_never_shows_a_value() {
        let error = parse_template("A=1\nMY KEY=secret\n").expect_err("a space in the key");
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn no_error_shows_any_of_a_line_that_may_be_a_value() {
        for body in [
            "PASSWORD: hunter2",
            "hunter2",
            "hunter2 is it",
            "export hunter2=",
            "=hunter2",
            "A=hunter2\0",
        ] {
            let error = parse_template(body).expect_err(body).to_string();
            assert!(error.starts_with("line 1 "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_template_that_no_store_could_hold_is_refused_by_field() {
        let large = format!("A={}", "x".repeat(MAX_TEMPLATE_BYTES - 2));
        check_template("base", &large).expect("just small enough");
        for (name, body, field) in [
            ("Base", "A=1", "name"),
            ("base", &format!("{large}x"), "body"),
            ("base", "# a comment\0", "body"),
            ("base", "A=1\nB", "body"),
        ] {
            let refused = check_template(name, body).expect_err(field);
            assert_eq!(refused.field, field, "{refused}");
        }
    }

    #[test]
    fn debug_output_of_a_template_hides_its_body() {
        let template = Template {
            name: "base".to_owned(),
            version: 3,
            body: "PASSWORD=hunter2".to_owned(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{template:?}");
        assert!(shown.contains("base") && shown.contains("***"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_jobs_own_values_win_and_later_templates_win_over_earlier() {
        let of = |body| parse_template(body).expect("well-formed");
        let env = resolve_env(&[of("A=1\nB=1\nC=1"), of("B=2\nC=2")], &of("C=3"));
        let shown: Vec<_> = env.values().map(EnvValue::reveal).collect();
        assert_eq!(shown, ["1", "2", "3"]);
    }
}
