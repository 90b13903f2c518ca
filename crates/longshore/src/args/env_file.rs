//! `--env-file`, in docker's format: `KEY=VALUE` lines, `#` comments; a value is everything after
//! the first `=`, quotes and all; `KEY` alone takes this shell's value, if it has one.

use std::collections::BTreeMap;
use std::path::Path;

use longshore_core::spec::is_env_key;

use crate::exit::Refused;

/// The largest file that is read; a whole job may have a quarter of it.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a file of variables. Errors name the file and the line, and nothing of what is in it.
pub fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>, Refused> {
    let refuse =
        |problem: String| Refused::usage(format!("--env-file {}: {problem}", path.display()));
    let text = super::read::text_of(path, MAX_BYTES).map_err(refuse)?;
    parse(&text, |key| std::env::var(key).ok()).map_err(|problem| {
        refuse(problem).hint("each line is KEY=VALUE, KEY for this shell's value, or a # comment")
    })
}

fn parse(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut env = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (line.trim_end(), variable(line.trim_end())),
        };
        if !is_env_key(key) {
            return Err(format!(
                "line {}: a variable's name must not be empty or hold spaces",
                index + 1
            ));
        }
        if let Some(value) = value {
            env.insert(key.to_owned(), value);
        }
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let shell = |key: &str| (key == "HOME").then(|| "/root".to_owned());
        let text = "\u{feff}# shared\n\nA=1=2\n  B=\"quoted\" \nHOME\nNOT_SET\nC=\nA=3\n";
        let env = parse(text, shell).expect("well-formed");
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            env,
            [
                ("A", "3"),
                ("B", "\"quoted\" "),
                ("C", ""),
                ("HOME", "/root")
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_without_its_value() {
        for text in [
            "A=1\nMY KEY=hunter2\n",
            "A=1\n=hunter2\n",
            "A=1\nhunter2 again\n",
        ] {
            let problem = parse(text, |_| None).expect_err(text);
            assert!(problem.starts_with("line 2: "), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
