//! Environment templates: named, versioned `KEY=value` lines that jobs share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::EnvValue;

/// One version of a template. Saving a template again makes a new version; none is ever changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// 1 for the first; the newest is the one that launches use.
    pub version: i32,
    /// The lines as they were saved.
    pub body: String,
    /// When this version was saved.
    pub created_at: jiff::Timestamp,
}

/// A line that is not `KEY=value`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {text:?} is not KEY=value, a # comment or empty")]
pub struct TemplateError {
    /// Counting from 1.
    pub line: usize,
    /// The key's part of the line; never the value.
    pub text: String,
}

/// The largest template that is accepted, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// Reads `KEY=value` lines. Lines that are empty or begin with `#` are skipped; the value is
/// everything after the first `=`, as written; a later line wins over an earlier one.
pub fn parse_template(body: &str) -> Result<BTreeMap<String, EnvValue>, TemplateError> {
    let mut env = BTreeMap::new();
    for (index, line) in body.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let refuse = |text: &str| TemplateError {
            line: index + 1,
            text: text.to_owned(),
        };
        let Some((key, value)) = trimmed.split_once('=') else {
            return Err(refuse(
                trimmed.split_whitespace().next().unwrap_or_default(),
            ));
        };
        if key.is_empty()
            || key.contains(|c: char| c.is_whitespace() || c == '\0')
            || value.contains('\0')
        {
            return Err(refuse(key));
        }
        env.insert(key.to_owned(), EnvValue::from(value));
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
    fn the_jobs_own_values_win_and_later_templates_win_over_earlier() {
        let of = |body| parse_template(body).expect("well-formed");
        let env = resolve_env(&[of("A=1\nB=1\nC=1"), of("B=2\nC=2")], &of("C=3"));
        let shown: Vec<_> = env.values().map(EnvValue::reveal).collect();
        assert_eq!(shown, ["1", "2", "3"]);
    }
}
