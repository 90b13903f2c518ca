//! `cargo xtask edges`: no crate depends on what its place in the house forbids.
//!
//! Owns the decision (facts of the graph → violations); the rules stand in [`table`].

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::metadata::{Graph, PackageId, Use};
use table::{Ban, Forbidden, Place, Rule, TABLE};

mod table;

/// Prints every violation in the workspace at `root`, and fails when there is one.
pub fn run(root: &Path) -> Result<()> {
    let graph = Graph::read(root)?;
    let violations = violations(&graph, TABLE);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        bail!("forbidden edges between crates: {}", violations.len());
    }
    eprintln!(
        "edges: all {} crates keep to their places",
        graph.members.len()
    );
    Ok(())
}

/// A crate that depends on what it must not, or has no place in the table.
#[derive(Debug, PartialEq, Eq)]
enum Violation {
    /// The first crate of the path must never import the last.
    Forbidden {
        path: Vec<String>,
        reason: &'static str,
    },
    /// The second crate is for tests, and the first ships it.
    OnlyForTests { path: Vec<String> },
    /// A workspace crate which the table does not name.
    Unknown { name: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden { path, reason } => {
                write!(f, "{} is forbidden: {reason}", path.join(" → "))
            }
            Self::OnlyForTests { path } => {
                write!(
                    f,
                    "{} is forbidden: it is only ever a dev-dependency",
                    path.join(" → ")
                )
            }
            Self::Unknown { name } => {
                write!(
                    f,
                    "{name} has no place in the house: give it a rule in crates/xtask/src/edges/table.rs"
                )
            }
        }
    }
}

/// Everything in the graph that the table forbids, in order of the crates' names.
fn violations(graph: &Graph, table: &[Rule]) -> Vec<Violation> {
    let mut found = Vec::new();
    for member in &graph.members {
        let name = graph.name(member);
        let Some(rule) = table.iter().find(|rule| rule.name == name) else {
            found.push(Violation::Unknown {
                name: name.to_owned(),
            });
            continue;
        };
        found.extend(shipped_test_crates(graph, table, member));
        found.extend(
            rule.bans
                .iter()
                .flat_map(|ban| forbidden_paths(graph, member, ban)),
        );
    }
    found
}

/// Crates for tests alone that `member` uses for more. Direct uses are enough: whoever stands in
/// between is a member too, and is reported itself.
fn shipped_test_crates(graph: &Graph, table: &[Rule], member: &PackageId) -> Vec<Violation> {
    let dev_only = |name: &str| {
        table
            .iter()
            .any(|rule| rule.name == name && rule.place == Place::DevOnly)
    };
    shipped(graph, member)
        .filter(|used| dev_only(graph.name(used)))
        .map(|used| Violation::OnlyForTests {
            path: names(graph, &[member, used]),
        })
        .collect()
}

/// The shortest path from `member` to each crate that `ban` forbids: through shipped
/// dependencies, or by one direct dev-dependency on a crate of ours (see [`table`]).
fn forbidden_paths(graph: &Graph, member: &PackageId, ban: &Ban) -> Vec<Violation> {
    let forbidden = |package: &PackageId| match ban.what {
        Forbidden::Crates(crates) => crates.contains(&graph.name(package)),
        Forbidden::Ours => graph.members.contains(package),
        Forbidden::Everything => true,
    };
    let named_by_tests = graph
        .uses(member)
        .filter(|(used, how)| *how == Use::Dev && graph.members.contains(*used))
        .map(|(used, _)| vec![member, used]);

    let mut reported = BTreeSet::new();
    let mut found = Vec::new();
    for path in shipped_paths(graph, member)
        .into_iter()
        .chain(named_by_tests)
    {
        let last = *path.last().expect("a path has at least its two ends");
        if forbidden(last) && reported.insert(last) {
            found.push(Violation::Forbidden {
                path: names(graph, &path),
                reason: ban.reason,
            });
        }
    }
    found
}

/// A shortest path from `start` to everything that it ships, nearest first.
fn shipped_paths<'a>(graph: &'a Graph, start: &'a PackageId) -> Vec<Vec<&'a PackageId>> {
    let mut seen = BTreeSet::from([start]);
    let mut queue = VecDeque::from([vec![start]]);
    let mut paths = Vec::new();
    // Ends because each package enters the queue once.
    while let Some(path) = queue.pop_front() {
        let last = *path
            .last()
            .expect("every path in the queue begins with `start`");
        for used in shipped(graph, last) {
            if seen.insert(used) {
                let longer: Vec<_> = path.iter().copied().chain([used]).collect();
                paths.push(longer.clone());
                queue.push_back(longer);
            }
        }
    }
    paths
}

/// Direct dependencies that are part of the build, not of tests alone.
fn shipped<'a>(graph: &'a Graph, package: &PackageId) -> impl Iterator<Item = &'a PackageId> {
    graph
        .uses(package)
        .filter(|(_, how)| matches!(how, Use::Normal | Use::Build))
        .map(|(used, _)| used)
}

fn names(graph: &Graph, path: &[&PackageId]) -> Vec<String> {
    path.iter()
        .map(|package| graph.name(package).to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
