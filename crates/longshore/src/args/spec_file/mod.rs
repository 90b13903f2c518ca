//! Jobs from files: JSON (an object or an array), JSON lines, or YAML (one or many documents, each
//! a job or a list of jobs).
//!
//! Everything is read and checked before anything is submitted, so that a bad line is named and
//! nothing of its file has happened.

mod json;
mod yaml;

use std::path::{Path, PathBuf};

use longshore_core::spec::{FieldError, ValidSpec};
use serde_json::Value;

use super::{Overlay, read};
use crate::exit::Refused;

/// The most jobs of one submission. They go in one transaction, all or none; a longer one would
/// hold up every other submission for too long.
pub const MAX_JOBS: usize = 100_000;

/// The largest file that is read: it is held in memory whole.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// A job as a file has it, and where.
#[derive(Debug)]
struct Found {
    /// `line 7`, `job 2 of the array`; empty if it is the only one.
    place: String,
    job: Value,
}

/// Reads every job of these files, `-` being stdin, each with what was given on the command line
/// over it. `progress` hears how many jobs were checked, and of how many that are known of.
pub fn read_specs(
    files: &[PathBuf],
    overlay: &Overlay,
    mut progress: impl FnMut(usize, usize),
) -> anyhow::Result<Vec<ValidSpec>> {
    if files.iter().filter(|file| read::is_stdin(file)).count() > 1 {
        return Err(Refused::usage("-f - can be given once: stdin is read to its end").into());
    }
    let mut specs = Vec::new();
    for file in files {
        read_file(file, overlay, &mut specs, &mut progress).map_err(|problem| {
            Refused::failed(format!("{}: {problem}", read::name_of(file)))
                .hint("nothing was submitted; docs/job.md says what each field of a job may hold")
        })?;
    }
    Ok(specs)
}

fn read_file(
    file: &Path,
    overlay: &Overlay,
    specs: &mut Vec<ValidSpec>,
    progress: &mut impl FnMut(usize, usize),
) -> Result<(), String> {
    let text = read::text_of(file, MAX_FILE_BYTES)?;
    let found = parse(&text, Format::of(file, &text))?;
    if found.is_empty() {
        return Err("holds no job".to_owned());
    }
    let count = specs.len() + found.len();
    if count > MAX_JOBS {
        return Err(format!(
            "makes {count} jobs; at most {MAX_JOBS} go in one submission: split it"
        ));
    }
    for Found { place, job } in found {
        let spec = overlay.over(job).map_err(|error| match &place[..] {
            "" => whole(&error),
            place => format!("{place}: {}", whole(&error)),
        })?;
        specs.push(spec);
        progress(specs.len(), count);
    }
    Ok(())
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Json,
    JsonLines,
    Yaml,
    /// Neither its name nor how it begins tells: YAML, as far as it is anything.
    Unknown,
}

impl Format {
    /// By the file's name; by how the text begins where that says nothing.
    fn of(file: &Path, text: &str) -> Self {
        let extension = file.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Self::Json,
            Some("jsonl" | "ndjson") => Self::JsonLines,
            Some("yaml" | "yml") => Self::Yaml,
            Some(_) | None if text.trim_start().starts_with(['{', '[']) => Self::Json,
            Some(_) | None => Self::Unknown,
        }
    }
}

fn parse(text: &str, format: Format) -> Result<Vec<Found>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => json::parse(text),
        Format::JsonLines => json::parse_lines(text),
        Format::Yaml => yaml::parse(text),
        Format::Unknown => yaml::parse(text).and_then(|found| {
            // Any text is YAML of some kind.
            if found.iter().any(|found| !found.job.is_object()) {
                return Err("is neither JSON nor YAML that holds jobs".to_owned());
            }
            Ok(found)
        }),
    }
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

    #[test]
    fn the_name_tells_the_format_and_else_the_text_does() {
        for (name, text, format) in [
            ("a.json", "x: 1", Format::Json),
            ("a.JSONL", "", Format::JsonLines),
            ("a.ndjson", "", Format::JsonLines),
            ("a.yaml", "{", Format::Yaml),
            ("a.yml", "", Format::Yaml),
            ("-", " {\"a\": 1}", Format::Json),
            ("-", "[", Format::Json),
            ("-", "command: [x]", Format::Unknown),
            ("jobs.txt", "- command: [x]", Format::Unknown),
        ] {
            assert_eq!(Format::of(Path::new(name), text), format, "{name} {text}");
        }
    }
}
