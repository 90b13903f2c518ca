//! Whether the list is whole.

/// The files that hold the cases of each group.
const SOURCES: &[(&str, &[&str])] = &[
    (
        "submissions",
        &[
            include_str!("../submissions/cancelling.rs"),
            include_str!("../submissions/keys.rs"),
            include_str!("../submissions/moving.rs"),
            include_str!("../submissions/retrying.rs"),
            include_str!("../submissions/submitting.rs"),
        ],
    ),
    (
        "leases",
        &[
            include_str!("../leases/acquiring.rs"),
            include_str!("../leases/finishing.rs"),
            include_str!("../leases/launching.rs"),
            include_str!("../leases/output.rs"),
            include_str!("../leases/recording.rs"),
            include_str!("../leases/stale_tokens.rs"),
        ],
    ),
    ("limits", &[include_str!("../limits.rs")]),
    (
        "registry",
        &[
            include_str!("../registry/hosts.rs"),
            include_str!("../registry/queues.rs"),
            include_str!("../registry/templates.rs"),
            include_str!("../registry/workers.rs"),
        ],
    ),
    (
        "reading",
        &[
            include_str!("../reading/counting.rs"),
            include_str!("../reading/filtering.rs"),
            include_str!("../reading/listing.rs"),
            include_str!("../reading/showing.rs"),
            include_str!("../reading/why_waiting.rs"),
        ],
    ),
    (
        "upkeep",
        &[
            include_str!("../upkeep/ageing.rs"),
            include_str!("../upkeep/expiring.rs"),
            include_str!("../upkeep/pruning.rs"),
            include_str!("../upkeep/staging.rs"),
            include_str!("../upkeep/stranded.rs"),
            include_str!("../upkeep/tending.rs"),
        ],
    ),
    (
        "hosts",
        &[
            include_str!("../hosts/changing.rs"),
            include_str!("../hosts/fencing.rs"),
            include_str!("../hosts/racing.rs"),
            include_str!("../hosts/telling.rs"),
            include_str!("../hosts/waiting.rs"),
        ],
    ),
    (
        "recovery",
        &[
            include_str!("../recovery/gone_hosts.rs"),
            include_str!("../recovery/late_writes.rs"),
            include_str!("../recovery/racing.rs"),
            include_str!("../recovery/reach.rs"),
            include_str!("../recovery/taking.rs"),
            include_str!("../recovery/telling.rs"),
        ],
    ),
    (
        "access",
        &[
            include_str!("../access/auditing.rs"),
            include_str!("../access/expiring.rs"),
            include_str!("../access/revoking.rs"),
            include_str!("../access/tokens.rs"),
            include_str!("../access/using.rs"),
        ],
    ),
    (
        "changes",
        &[
            include_str!("../changes/arrows.rs"),
            include_str!("../changes/racing.rs"),
            include_str!("../changes/telling.rs"),
        ],
    ),
    ("contention", &[include_str!("../contention.rs")]),
    (
        "walk",
        &[
            include_str!("../walk/mod.rs"),
            include_str!("../walk/model.rs"),
        ],
    ),
];

#[test]
fn every_case_that_is_written_is_in_the_list_that_is_run() {
    let listed = include_str!("../cases.rs");
    for (group, sources) in SOURCES {
        let start = listed
            .find(&format!("            {group} {{"))
            .expect("a group of the list");
        let block = &listed[start..][..listed[start..].find('}').expect("the group ends")];
        let mut listed: Vec<&str> = block
            .lines()
            .skip(1)
            .map(|line| line.trim().trim_end_matches(','))
            .collect();
        let mut written: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split("\npub async fn ").skip(1))
            .map(|rest| &rest[..rest.find('(').expect("a function has arguments")])
            .collect();
        listed.retain(|name| !name.is_empty());
        listed.sort_unstable();
        written.sort_unstable();
        assert_eq!(listed, written, "cases of {group}");
    }
}
