//! The check fails where it must: each test builds a graph with one fault, or none.

use super::*;
use Use::{Build, Dev, Normal};

/// What `violations` says of a graph under the real table.
fn said(members: &[&str], uses: &[(&str, Use, &str)]) -> Vec<String> {
    violations(&Graph::of(members, uses), TABLE)
        .iter()
        .map(Violation::to_string)
        .collect()
}

#[test]
fn allowed_edges_pass() {
    let found = said(
        &[
            "longshore",
            "longshore-core",
            "longshore-queue",
            "longshore-sqlite",
            "longshore-testkit",
        ],
        &[
            ("longshore", Normal, "longshore-queue"),
            ("longshore", Normal, "longshore-sqlite"),
            ("longshore-core", Normal, "serde"),
            ("longshore-queue", Normal, "longshore-core"),
            ("longshore-queue", Dev, "longshore-testkit"),
            ("longshore-sqlite", Normal, "rusqlite"),
            ("longshore-testkit", Normal, "longshore-core"),
        ],
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn direct_forbidden_edge_is_found() {
    let found = said(&["longshore-core"], &[("longshore-core", Normal, "tokio")]);
    assert_eq!(
        found,
        [
            "longshore-core → tokio is forbidden: decisions are plain functions and run under any runtime, or none"
        ]
    );
}

#[test]
fn build_dependency_counts() {
    let found = said(&["longshore-core"], &[("longshore-core", Build, "reqwest")]);
    assert_eq!(
        found,
        ["longshore-core → reqwest is forbidden: core does no I/O"]
    );
}

#[test]
fn transitive_forbidden_edge_is_found_with_its_path() {
    let found = said(
        &["longshore-queue", "longshore-history", "longshore-sqlite"],
        &[
            ("longshore-queue", Normal, "helper"),
            ("helper", Normal, "longshore-sqlite"),
            ("longshore-history", Normal, "longshore-queue"),
        ],
    );
    assert_eq!(
        found,
        [
            "longshore-history → longshore-queue is forbidden: \
             the checker must not share code with what it checks",
            "longshore-history → longshore-queue → helper → longshore-sqlite is forbidden: \
             the checker must not share code with what it checks",
            "longshore-queue → helper → longshore-sqlite is forbidden: \
             the queue speaks to the `Store` trait, so that every store can serve it",
        ]
    );
}

#[test]
fn checker_shares_no_code_with_any_crate_of_ours() {
    let members: Vec<_> = TABLE.iter().map(|rule| rule.name).collect();
    let others = || {
        members
            .iter()
            .copied()
            .filter(|name| *name != "longshore-history")
    };
    for how in [Normal, Build, Dev] {
        for other in others() {
            let found = said(&members, &[("longshore-history", how, other)]);
            let wanted = format!(
                "longshore-history → {other} is forbidden: \
                 the checker must not share code with what it checks"
            );
            assert!(found.contains(&wanted), "{how:?} {other}: {found:?}");
        }
    }
}

#[test]
fn checker_may_use_the_crates_of_others() {
    let found = said(
        &["longshore-history"],
        &[
            ("longshore-history", Normal, "serde"),
            ("longshore-history", Dev, "proptest"),
        ],
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn forbidden_path_is_the_shortest_and_is_said_once() {
    let found = said(
        &["longshore-core"],
        &[
            ("longshore-core", Normal, "a"),
            ("longshore-core", Build, "a"),
            ("a", Normal, "b"),
            ("b", Normal, "rand"),
            ("a", Normal, "rand"),
        ],
    );
    assert_eq!(
        found,
        ["longshore-core → a → rand is forbidden: \
          the same facts give the same plan; chance comes in as an argument"]
    );
}

#[test]
fn cycle_through_dev_dependencies_ends() {
    let found = said(
        &["longshore-core", "longshore-testkit"],
        &[
            ("longshore-core", Dev, "longshore-testkit"),
            ("longshore-testkit", Normal, "longshore-core"),
        ],
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn testkit_as_normal_dependency_is_found() {
    let found = said(
        &["longshore-sqlite", "longshore-testkit"],
        &[("longshore-sqlite", Normal, "longshore-testkit")],
    );
    assert_eq!(
        found,
        ["longshore-sqlite → longshore-testkit is forbidden: it is only ever a dev-dependency"]
    );
}

#[test]
fn testkit_never_names_a_store() {
    let found = said(
        &["longshore-sqlite", "longshore-testkit"],
        &[("longshore-testkit", Normal, "longshore-sqlite")],
    );
    assert_eq!(
        found,
        [
            "longshore-testkit → longshore-sqlite is forbidden: a conformance suite takes the store it is given"
        ]
    );
}

#[test]
fn tests_of_the_queue_never_name_a_store_either() {
    let found = said(
        &["longshore-queue", "longshore-sqlite"],
        &[("longshore-queue", Dev, "longshore-sqlite")],
    );
    assert_eq!(
        found,
        ["longshore-queue → longshore-sqlite is forbidden: \
          the queue speaks to the `Store` trait, so that every store can serve it"]
    );
}

#[test]
fn third_party_dev_dependencies_are_free() {
    let found = said(
        &["longshore-core"],
        &[
            ("longshore-core", Dev, "proptest"),
            ("proptest", Normal, "rand"),
        ],
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn crate_of_fault_points_takes_no_dependency_at_all() {
    let found = said(
        &["longshore-fault"],
        &[("longshore-fault", Normal, "cfg-if")],
    );
    assert_eq!(
        found,
        ["longshore-fault → cfg-if is forbidden: \
          every crate may name a fault point, so this one stands below them all"]
    );
}

#[test]
fn unknown_crate_must_take_its_place() {
    let found = said(&["longshore-novelty"], &[]);
    assert_eq!(
        found,
        [
            "longshore-novelty has no place in the house: give it a rule in crates/xtask/src/edges/table.rs"
        ]
    );
}

#[test]
fn table_names_each_crate_once_and_bans_only_known_crates_of_ours() {
    let names: BTreeSet<_> = TABLE.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), TABLE.len(), "a crate is in the table twice");
    for ban in TABLE.iter().flat_map(|rule| rule.bans) {
        let Forbidden::Crates(crates) = ban.what else {
            continue;
        };
        let misspelt = crates
            .iter()
            .find(|name| name.starts_with("longshore") && !names.contains(*name));
        assert_eq!(
            misspelt, None,
            "a ban on a crate that cannot exist never fires"
        );
    }
}
