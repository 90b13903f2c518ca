//! The words behind the flags of `run` and `submit`: `IMAGE [COMMAND]...` as docker has it, or a
//! command alone behind `--`.

use std::ffi::{OsStr, OsString};

use crate::exit::Refused;

const DASHES: &str = "--";

/// What the words say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Words {
    /// The image, where one stands there.
    pub image: Option<String>,
    /// The command and its arguments.
    pub command: Vec<String>,
}

impl Words {
    /// Reads the words that clap found. `image` is what `--image` says: then they are the command.
    pub fn read(words: &[String], image: Option<&str>) -> Result<Self, Refused> {
        split(
            words,
            stand_behind_dashes(words, std::env::args_os()),
            image,
        )
    }
}

fn split(words: &[String], behind_dashes: bool, image: Option<&str>) -> Result<Words, Refused> {
    if behind_dashes {
        return Ok(Words {
            image: None,
            command: words.to_vec(),
        });
    }
    let Some((first, rest)) = words.split_first() else {
        return Ok(Words::default());
    };
    if let Some(image) = image {
        return Err(Refused::usage(format!(
            "the image is named twice: --image {image}, and {first}"
        ))
        .hint(format!(
            "with --image the command stands behind --: `--image {image} -- {first} …`"
        )));
    }
    // What docker would hand to the container; nobody means that.
    let command = match rest.split_first() {
        Some((dashes, command)) if dashes == DASHES => command,
        _ => rest,
    };
    Ok(Words {
        image: Some(first.clone()),
        command: command.to_vec(),
    })
}

/// Whether the first word is the first one behind `--`. Clap keeps a `--` that follows a word, and
/// drops one that leads; the words are the end of the command line, so it stands just before them.
fn stand_behind_dashes(words: &[String], line: impl IntoIterator<Item = OsString>) -> bool {
    let line: Vec<OsString> = line.into_iter().collect();
    line.len()
        .checked_sub(words.len() + 1)
        .and_then(|before| line.get(before))
        .is_some_and(|word| word == OsStr::new(DASHES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_image_leads_its_command_and_dashes_lead_a_command_alone() {
        for (line, count, image, command) in [
            ("longshore run alpine", 1, Some("alpine"), ""),
            ("longshore run alpine echo hi", 3, Some("alpine"), "echo hi"),
            (
                "longshore run alpine -- echo hi",
                4,
                Some("alpine"),
                "echo hi",
            ),
            (
                "longshore run alpine sh -c x -- y",
                6,
                Some("alpine"),
                "sh -c x -- y",
            ),
            (
                "longshore run --name n alpine env",
                2,
                Some("alpine"),
                "env",
            ),
            ("longshore run -- echo hi", 2, None, "echo hi"),
            ("longshore run -- echo -- hi", 3, None, "echo -- hi"),
            ("longshore run", 0, None, ""),
            ("longshore run --", 0, None, ""),
        ] {
            let line = words(line);
            let given = &line[line.len() - count..];
            let behind = stand_behind_dashes(given, line.iter().map(OsString::from));
            let read = split(given, behind, None).expect("these can be read");
            let expected = Words {
                image: image.map(str::to_owned),
                command: words(command),
            };
            assert_eq!(read, expected, "{line:?}");
        }
    }

    #[test]
    fn an_image_is_named_once() {
        let twice = split(&words("echo hi"), false, Some("alpine"));
        assert!(twice.is_err());
        let read = split(&words("echo hi"), true, Some("alpine")).expect("a command");
        assert_eq!(read.command, ["echo", "hi"]);
    }
}
