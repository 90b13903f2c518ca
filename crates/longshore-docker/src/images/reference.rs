//! Names of images, as people write them and as registries know them.

/// A name taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// The id of an image that an engine has; no registry knows it.
    Id(String),
    /// The name of an image in a registry.
    Named {
        /// `docker.io`, `host`, `host:port`.
        registry: String,
        /// `library/busybox`.
        repository: String,
        /// A tag, or a digest with its algorithm (which wins where both are given).
        version: String,
    },
}

/// Why a name is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not the name of an image; write registry/repository:tag, the repository in lower case")]
pub struct NotAReference;

const DOCKER_HUB: &str = "docker.io";

impl Reference {
    /// Reads a name; completes it as docker does.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        let bare = text.strip_prefix("sha256:").unwrap_or(text);
        if is_digest(bare) {
            return Ok(Self::Id(text.to_owned()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash begins the tag; one before it a port.
        let path_at = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[path_at..].find(':') {
            Some(colon) => {
                let (name, tag) = name.split_at(path_at + colon);
                (name, Some(&tag[1..]))
            }
            None => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest.to_owned())
            }
            _ => (DOCKER_HUB, name.to_owned()),
        };
        let registry = if registry == "index.docker.io" {
            DOCKER_HUB
        } else {
            registry
        };
        let repository = if registry == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository
        };
        let digest_fits =
            digest.is_none_or(|digest| digest.strip_prefix("sha256:").is_some_and(is_digest));
        if !digest_fits
            || !tag.is_none_or(is_tag)
            || !is_registry(registry)
            || !repository.split('/').all(is_component)
        {
            return Err(NotAReference);
        }
        Ok(Self::Named {
            registry: registry.to_owned(),
            repository,
            version: digest.or(tag).unwrap_or("latest").to_owned(),
        })
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A host name or address, maybe with a port; `[` begins an address of IPv6.
fn is_registry(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn is_component(part: &str) -> bool {
    let edges = [part.bytes().next(), part.bytes().last()];
    edges
        .into_iter()
        .all(|edge| edge.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && part
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "b7bd369c2762d5349902ee4f5b3e819b647f5013cc71cde3a1441d25c7a342aa";

    #[test]
    fn names_are_completed_as_docker_does() {
        let digest = format!("sha256:{HASH}");
        let by_digest = format!("host:5000/a/b:tag@{digest}");
        for (text, registry, repository, version) in [
            ("busybox", "docker.io", "library/busybox", "latest"),
            ("busybox:1", "docker.io", "library/busybox", "1"),
            ("ann/app", "docker.io", "ann/app", "latest"),
            ("index.docker.io/app", "docker.io", "library/app", "latest"),
            ("localhost/app", "localhost", "app", "latest"),
            ("host:5000/app", "host:5000", "app", "latest"),
            ("host:5000/app:x", "host:5000", "app", "x"),
            (by_digest.as_str(), "host:5000", "a/b", digest.as_str()),
        ] {
            let expected = Reference::Named {
                registry: registry.to_owned(),
                repository: repository.to_owned(),
                version: version.to_owned(),
            };
            assert_eq!(Reference::parse(text), Ok(expected), "{text}");
        }
        assert_eq!(Reference::parse(&digest), Ok(Reference::Id(digest.clone())));
        assert_eq!(Reference::parse(HASH), Ok(Reference::Id(HASH.to_owned())));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "Upper",
            "a:",
            "a:-x",
            "a b",
            "a?x=1",
            "a@sha256:12",
            "a@x",
            "../a",
            "host:5000/",
            "é",
        ] {
            assert_eq!(Reference::parse(text), Err(NotAReference), "{text:?}");
        }
    }
}
