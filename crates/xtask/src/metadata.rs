//! The dependency graph as facts: what `cargo metadata` says, reduced to names and edges.
//!
//! Owns the reading and nothing else; what the facts mean is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A package: its name, and its version where two of one name are in the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageId(String);

/// How one package is used by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Part of what is built and shipped.
    Normal,
    /// Part of the build script.
    Build,
    /// Of tests, examples and benchmarks alone.
    Dev,
}

/// Packages and who uses whom.
#[derive(Debug, Default)]
pub struct Graph {
    /// The workspace's own packages.
    pub members: BTreeSet<PackageId>,
    names: BTreeMap<PackageId, String>,
    uses: BTreeMap<PackageId, BTreeSet<(PackageId, Use)>>,
}

impl Graph {
    /// Reads the graph of the workspace at `root`, for all platforms and all features, so that a
    /// dependency cannot hide behind a `cfg` or an optional feature.
    pub fn read(root: &Path) -> Result<Self> {
        let output = Command::new(cargo())
            .args([
                "metadata",
                "--format-version",
                "1",
                "--all-features",
                "--locked",
            ])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start `cargo metadata`")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed ({})", output.status);
        }
        Self::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let metadata: Metadata = serde_json::from_slice(json)
            .context("`cargo metadata` printed something unexpected")?;
        let mut graph = Self::default();
        for package in metadata.packages {
            graph.names.insert(PackageId(package.id), package.name);
        }
        graph
            .members
            .extend(metadata.workspace_members.into_iter().map(PackageId));
        for node in metadata.resolve.nodes {
            let used = graph.uses.entry(PackageId(node.id)).or_default();
            for dependency in node.deps {
                for kind in dependency.dep_kinds {
                    used.insert((PackageId(dependency.pkg.clone()), kind.into_use()?));
                }
            }
        }
        Ok(graph)
    }

    /// The package's name as its manifest says it.
    pub fn name<'a>(&'a self, package: &'a PackageId) -> &'a str {
        self.names.get(package).unwrap_or(&package.0)
    }

    /// What the package uses directly, and how.
    pub fn uses(&self, package: &PackageId) -> impl Iterator<Item = (&PackageId, Use)> {
        self.uses
            .get(package)
            .into_iter()
            .flatten()
            .map(|(used, how)| (used, *how))
    }
}

/// The cargo that runs us, else the one on the path.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl DependencyKind {
    fn into_use(self) -> Result<Use> {
        match self.kind.as_deref() {
            None => Ok(Use::Normal),
            Some("build") => Ok(Use::Build),
            Some("dev") => Ok(Use::Dev),
            // Not guessed: a kind taken for a harmless one would be a hole in the checks.
            Some(other) => bail!("`cargo metadata` names an unknown kind of dependency: {other}"),
        }
    }
}

#[cfg(test)]
impl Graph {
    /// A graph for tests, in which a package's id is its name.
    pub fn of(members: &[&str], uses: &[(&str, Use, &str)]) -> Self {
        let id = |name: &str| PackageId(name.to_owned());
        let mut graph = Self {
            members: members.iter().copied().map(id).collect(),
            ..Self::default()
        };
        for (user, how, used) in uses {
            graph
                .uses
                .entry(id(user))
                .or_default()
                .insert((id(used), *how));
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_becomes_names_and_edges() {
        let json = br#"{
            "packages": [{"id": "path+file:///a#0.1.0", "name": "a"}, {"id": "registry#b@1.0.0", "name": "b"}],
            "workspace_members": ["path+file:///a#0.1.0"],
            "resolve": {"nodes": [
                {"id": "path+file:///a#0.1.0", "deps": [
                    {"pkg": "registry#b@1.0.0", "dep_kinds": [{"kind": null}, {"kind": "dev"}]}
                ]},
                {"id": "registry#b@1.0.0", "deps": []}
            ]}
        }"#;
        let graph = Graph::parse(json).expect("this is what cargo prints");
        let a = graph.members.first().expect("one member");
        assert_eq!(graph.name(a), "a");
        let uses: Vec<_> = graph
            .uses(a)
            .map(|(used, how)| (graph.name(used), how))
            .collect();
        assert_eq!(uses, [("b", Use::Normal), ("b", Use::Dev)]);
    }

    #[test]
    fn unknown_kind_of_dependency_is_refused() {
        let json = br#"{"packages": [], "workspace_members": [], "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "later"}]}]}
        ]}}"#;
        assert!(Graph::parse(json).is_err());
    }
}
