//! docker's ways to say a network: `--network NAME`, `NAME:ALIAS,…` or `name=NAME,alias=…`, and
//! `--network-alias`.

use serde_json::{Value, json};

use crate::exit::Refused;

struct Network {
    name: String,
    aliases: Vec<String>,
}

/// The networks with their aliases, as the JSON of a job.
pub fn networks(given: &[String], aliases: &[String]) -> Result<Vec<Value>, Refused> {
    let mut networks = Vec::with_capacity(given.len());
    for text in given {
        networks.push(network(text)?);
    }
    if !aliases.is_empty() {
        let [network] = &mut networks[..] else {
            let problem = "--network-alias needs one --network to be an alias in, and no second";
            return Err(Refused::usage(problem)
                .hint("with several networks write --network NAME:ALIAS,ALIAS for each"));
        };
        network.aliases.extend(aliases.iter().cloned());
    }
    let value = |network: Network| json!({"name": network.name, "aliases": network.aliases});
    Ok(networks.into_iter().map(value).collect())
}

fn network(text: &str) -> Result<Network, Refused> {
    let refuse = || {
        Refused::usage(format!("--network {text}: is not understood"))
            .hint("write --network NAME or --network NAME:ALIAS,ALIAS")
    };
    if text.contains('=') {
        return by_keys(text).ok_or_else(refuse);
    }
    let (name, aliases) = text.split_once(':').unwrap_or((text, ""));
    let aliases: Vec<String> = aliases
        .split(',')
        .filter(|alias| !alias.is_empty())
        .map(str::to_owned)
        .collect();
    // Docker shares another container's network that way; a job has one of its own.
    if name.is_empty() || name == "container" {
        return Err(refuse());
    }
    Ok(Network {
        name: name.to_owned(),
        aliases,
    })
}

fn by_keys(text: &str) -> Option<Network> {
    let mut name = None;
    let mut aliases = Vec::new();
    for part in text.split(',') {
        match part.split_once('=')? {
            ("name", value) => name = Some(value.to_owned()),
            ("alias", value) => aliases.push(value.to_owned()),
            _ => return None,
        }
    }
    Some(Network {
        name: name?,
        aliases,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str], aliases: &[&str]) -> Option<Vec<Value>> {
        let owned =
            |list: &[&str]| -> Vec<String> { list.iter().map(|t| (*t).to_owned()).collect() };
        networks(&owned(given), &owned(aliases)).ok()
    }

    #[test]
    fn networks_are_read_as_docker_reads_them() {
        let a = || json!({"name": "a", "aliases": []});
        let aliased = || json!({"name": "b", "aliases": ["x", "y"]});
        assert_eq!(read(&["a", "b:x,y"], &[]), Some(vec![a(), aliased()]));
        assert_eq!(read(&["b"], &["x", "y"]), Some(vec![aliased()]));
        assert_eq!(
            read(&["name=b,alias=x,alias=y"], &[]),
            Some(vec![aliased()])
        );
        for given in [&["a", "b"][..], &[]] {
            assert_eq!(read(given, &["x"]), None, "{given:?}");
        }
        for given in ["container:db", "ip=10.0.0.1,name=a", "", "alias=x"] {
            assert_eq!(read(&[given], &[]), None, "{given:?}");
        }
    }
}
