//! Whether the list is whole.

use std::path::Path;

/// The groups of the list; the cases of each are in the file or the folder of its name, next to
/// `cases.rs`.
const GROUPS: &[&str] = &[
    "access",
    "changes",
    "contention",
    "hosts",
    "leases",
    "limits",
    "reading",
    "recovery",
    "registry",
    "submissions",
    "upkeep",
    "walk",
];

/// What the files of a group say, whichever they are.
fn sources(group: &str) -> Vec<String> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let file = store.join(format!("{group}.rs"));
    if file.exists() {
        return vec![std::fs::read_to_string(file).expect("the group's file can be read")];
    }
    std::fs::read_dir(store.join(group))
        .expect("the group's folder can be read")
        .map(|entry| entry.expect("the folder can be read on").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| std::fs::read_to_string(path).expect("a file of the group can be read"))
        .collect()
}

/// The name of the function that `rest` is the head of, if it is a case: one that takes a harness
/// and nothing else.
fn case(rest: &str) -> Option<&str> {
    let (name, rest) = rest.split_once('(')?;
    let (takes, _) = rest.split_once(')')?;
    (takes.trim().trim_end_matches(',') == "h: &dyn StoreHarness").then_some(name)
}

#[test]
fn every_case_that_is_written_is_in_the_list_that_is_run() {
    let listed = include_str!("../cases.rs");
    for group in GROUPS {
        let start = listed
            .find(&format!("            {group} {{"))
            .expect("a group of the list");
        let block = &listed[start..][..listed[start..].find('}').expect("the group ends")];
        let mut listed: Vec<&str> = block
            .lines()
            .skip(1)
            .map(|line| line.trim().trim_end_matches(','))
            .collect();
        let sources = sources(group);
        let mut written: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split("\npub async fn ").skip(1))
            .filter_map(case)
            .collect();
        listed.retain(|name| !name.is_empty());
        listed.sort_unstable();
        written.sort_unstable();
        assert_eq!(listed, written, "cases of {group}");
    }
}
