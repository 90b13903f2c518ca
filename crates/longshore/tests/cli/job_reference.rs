//! `docs/job.md`, the reference of a job's fields, is held to what the binary takes.

use std::collections::BTreeSet;

use longshore_core::spec::{FIELDS, parse_json};

use crate::support::Home;

const REFERENCE: &str = include_str!("../../../../docs/job.md");

/// A row of one of its tables: field, meaning, example, flag.
struct Row {
    field: &'static str,
    example: &'static str,
    /// Its flags, with commas between them.
    flags: &'static str,
}

fn rows() -> Vec<Row> {
    let rows = REFERENCE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [field, _meaning, _default, example, flags] = cells[..] else {
            panic!("a field's row has five cells: {line}");
        };
        let plain = |cell: &'static str| cell.trim_matches('`');
        Row {
            field: plain(field),
            example: plain(example),
            flags,
        }
    })
    .collect()
}

#[test]
fn the_reference_has_every_field_of_a_job_in_order_and_no_other() {
    let fields: Vec<&str> = rows().iter().map(|row| row.field).collect();
    assert_eq!(fields, FIELDS);
}

#[test]
fn every_example_of_the_reference_is_a_job() {
    for Row { field, example, .. } in rows() {
        // A field is shown with what it needs, and nothing else.
        let example = if ["image", "command", "entrypoint"].contains(&field) {
            format!("{{{example}}}")
        } else {
            format!("{{\"command\": [\"true\"], {example}}}")
        };
        let value: serde_json::Value = serde_json::from_str(&example).expect(&example);
        assert!(value.get(field).is_some(), "{example} shows no {field}");
        assert_eq!(parse_json(&example).map(drop), Ok(()), "{example}");
    }
}

#[test]
fn the_reference_names_the_flag_of_every_field_that_has_one() {
    let help = Home::new().ok(&["submit", "--help"]);
    let job = help
        .split_once("Job:")
        .expect("the flags of a job are apart")
        .1;
    let job = job
        .split_once("Global options:")
        .expect("the global flags follow")
        .0;
    // A flag's line: `-p, --priority <PRIORITY>` or `--hold`.
    let of_help: BTreeSet<&str> = job
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
        .collect();
    let of_reference: BTreeSet<&str> = rows()
        .iter()
        .flat_map(|row| row.flags.split([' ', ',', '`']))
        .filter(|flag| flag.len() > 2 && flag.starts_with("--"))
        .collect();
    assert_eq!(of_reference, of_help);
}
