//! Help says what, when, and one example; a change of it is seen in review.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::Home;

/// Every command of the binary, `[]` for the binary itself: as its own help lists them, so that a
/// new one can't be forgotten here.
fn commands(home: &Home) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = found.get(next).cloned() {
        let help = home.ok(&words(&command, "--help"));
        let listed = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            // What a command is about may go on in further lines, further in.
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .map(|line| line.split_whitespace().next().expect("a command's name"))
            .filter(|name| *name != "help");
        found.extend(listed.map(|name| [&command[..], &[name.to_owned()]].concat()));
        next += 1;
    }
    found
}

fn words<'a>(command: &'a [String], last: &'a str) -> Vec<&'a str> {
    let command = command.iter().map(String::as_str);
    command.chain([last]).collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let home = Home::new();
    let commands = commands(&home);
    for command in &commands {
        let name = if command.is_empty() {
            "longshore".to_owned()
        } else {
            command.join(" ")
        };
        let help = home.ok(&words(command, "--help"));
        assert!(help.contains("Example: longshore "), "{name}: {help}");
        insta::with_settings!({ snapshot_suffix => name.replace(' ', "-"), omit_expression => true }, {
            insta::assert_snapshot!("help", help);
        });
    }
    // That the help was read as it is written: commands of both levels were found.
    for known in [&["demo"][..], &["bench", "drain"], &["queue", "pause"]] {
        assert!(commands.iter().any(|command| command == known), "{known:?}");
    }
}

/// The same help without what every command has in common.
fn own_part(help: &str) -> String {
    let mut kept = Vec::new();
    let mut is_common = false;
    for line in help.lines() {
        if line == "Global options:" {
            is_common = true;
        } else if is_common && !line.is_empty() && !line.starts_with(' ') {
            is_common = false;
        }
        if !is_common {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}

/// `docs/cli.md` is what the binary says of itself.
#[test]
fn the_reference_of_the_command_line_is_its_help() {
    let home = Home::new();
    let mut page = "# The command line\n\nWhat `longshore help` and `longshore help COMMAND` say, for reading \
                    in one place. Options that every\ncommand has are under `longshore` alone. This page is \
                    written by a test (`LONGSHORE_WRITE_CLI=1 cargo test -p\nlongshore --test cli help`), and \
                    held to the binary by it.\n"
        .to_owned();
    for command in commands(&home) {
        let help = home.ok(&words(&command, "--help"));
        let (level, own) = match command.len() {
            0 => ("##", help.trim_end().to_owned()),
            1 => ("##", own_part(&help)),
            _ => ("###", own_part(&help)),
        };
        let name = [&["longshore".to_owned()], &command[..]].concat().join(" ");
        write!(page, "\n{level} {name}\n\n```text\n{own}\n```\n").expect("a string takes all");
    }
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("LONGSHORE_WRITE_CLI").is_some() {
        std::fs::write(&at, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&at).unwrap_or_default();
    assert!(
        written == page,
        "docs/cli.md is not what the binary says: LONGSHORE_WRITE_CLI=1 cargo test -p longshore --test cli help"
    );
}

#[test]
fn the_help_command_says_what_the_help_flag_says() {
    let home = Home::new();
    for command in commands(&home) {
        let asked: Vec<&str> = ["help"]
            .into_iter()
            .chain(command.iter().map(String::as_str))
            .collect();
        assert_eq!(home.ok(&asked), home.ok(&words(&command, "--help")));
    }
}

#[test]
fn the_version_is_one_line_on_stdout() {
    let version = Home::new().ok(&["--version"]);
    assert_eq!(
        version,
        format!("longshore {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_process_shim_is_not_shown_to_people() {
    let help = Home::new().ok(&["--help"]);
    assert!(!help.contains("shim"), "{help}");
}
