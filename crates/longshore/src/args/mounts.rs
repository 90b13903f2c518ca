//! docker's ways to say a mount: `--volume`, `--mount` and `--tmpfs`, each as the JSON of a mount.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::exit::Refused;

/// `SOURCE:TARGET[:ro]`: a path of the host, or a volume's name.
pub fn volume(text: &str) -> Result<Value, Refused> {
    let refuse = |problem: &str| {
        Refused::usage(format!("--volume {text}: {problem}"))
            .hint("write -v /path/of/the/host:/data or -v name-of-a-volume:/data, and :ro to only read it")
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        [_] => return Err(refuse("needs a source and a target")),
        _ => return Err(refuse("has more than three parts")),
    };
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" => read_only = true,
            "rw" => read_only = false,
            other => return Err(refuse(&format!("the option {other} is none of ro and rw"))),
        }
    }
    let (kind, source) = if source.starts_with('/') {
        ("bind", source.to_owned())
    } else if source == "."
        || source == ".."
        || source.starts_with("./")
        || source.starts_with("../")
    {
        (
            "bind",
            from_here(source).map_err(|problem| refuse(&problem))?,
        )
    } else if is_volume_name(source) {
        ("volume", source.to_owned())
    } else {
        return Err(refuse(
            "the source is neither a path that starts with / or ./, nor a volume's name",
        ));
    };
    Ok(json!({"type": kind, "source": source, "target": target, "read_only": read_only}))
}

/// `type=…,source=…,target=…[,readonly]`, with docker's other names for the same.
pub fn mount(text: &str) -> Result<Value, Refused> {
    let refuse = |problem: String| {
        Refused::usage(format!("--mount {text}: {problem}")).hint(
            "write --mount type=bind,source=/path,target=/data,readonly; \
             the types are bind, volume and tmpfs",
        )
    };
    // As in docker, a mount is a volume unless it says otherwise.
    let mut fields = Map::from_iter([("type".to_owned(), json!("volume"))]);
    for part in text.split(',') {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (part, None),
        };
        match (key, value) {
            ("type", Some(kind @ ("bind" | "volume" | "tmpfs"))) => {
                fields.insert("type".to_owned(), json!(kind));
            }
            ("type", kind) => {
                let kind = kind.unwrap_or_default();
                return Err(refuse(format!("there is no type {kind:?}")));
            }
            ("source" | "src", Some(source)) => {
                fields.insert("source".to_owned(), json!(source));
            }
            ("target" | "dst" | "destination", Some(target)) => {
                fields.insert("target".to_owned(), json!(target));
            }
            ("readonly" | "ro", None | Some("true" | "1")) => {
                fields.insert("read_only".to_owned(), json!(true));
            }
            ("readonly" | "ro", Some("false" | "0")) => {
                fields.insert("read_only".to_owned(), json!(false));
            }
            _ => return Err(refuse(format!("{part:?} is not understood"))),
        }
    }
    if !fields.contains_key("target") {
        return Err(refuse("needs a target".to_owned()));
    }
    Ok(Value::Object(fields))
}

/// A path of the container.
pub fn tmpfs(text: &str) -> Result<Value, Refused> {
    if text.contains(':') {
        return Err(Refused::usage(format!(
            "--tmpfs {text}: takes a path without options, such as /scratch"
        )));
    }
    Ok(json!({"type": "tmpfs", "target": text}))
}

/// As docker's own command line does, a relative path is meant from where the caller stands.
fn from_here(path: &str) -> Result<String, String> {
    let here =
        std::env::current_dir().map_err(|e| format!("the current folder is unknown: {e}"))?;
    let mut absolute = PathBuf::new();
    for component in here.join(path).components() {
        match component {
            Component::ParentDir => {
                absolute.pop();
            }
            Component::CurDir => {}
            other => absolute.push(other),
        }
    }
    text_of(&absolute)
}

fn text_of(path: &Path) -> Result<String, String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| "the current folder's name is not UTF-8 text".to_owned())
}

/// docker's rule for the names of volumes.
fn is_volume_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_as_docker_reads_them() {
        for (text, kind, source, target, read_only) in [
            ("/srv:/data", "bind", "/srv", "/data", false),
            ("/srv:/data:ro", "bind", "/srv", "/data", true),
            ("cache:/data:rw", "volume", "cache", "/data", false),
        ] {
            let expected =
                json!({"type": kind, "source": source, "target": target, "read_only": read_only});
            assert_eq!(volume(text).expect(text), expected);
        }
        let here = volume("./a/../b:/data").expect("a path from here");
        let source = here["source"].as_str().expect("a bind has a source");
        assert!(
            source.starts_with('/') && source.ends_with("/b"),
            "{source}"
        );
        for text in [
            "/data",
            "a/b:/data",
            "/a:/b:ro:z",
            "/a:/b:Z",
            ":/b",
            "~/a:/b",
        ] {
            assert!(volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mounts_are_read_as_docker_reads_them() {
        assert_eq!(
            mount("type=bind,src=/srv,dst=/data,readonly").expect("a bind"),
            json!({"type": "bind", "source": "/srv", "target": "/data", "read_only": true})
        );
        assert_eq!(
            mount("source=cache,target=/c,ro=false").expect("a volume"),
            json!({"type": "volume", "source": "cache", "target": "/c", "read_only": false})
        );
        assert_eq!(
            mount("type=tmpfs,destination=/t").expect("memory"),
            json!({"type": "tmpfs", "target": "/t"})
        );
        for text in [
            "type=nfs,target=/a",
            "type=bind,source=/a",
            "target=/a,readonly=maybe",
            "",
        ] {
            assert!(mount(text).is_err(), "{text}");
        }
        assert!(tmpfs("/scratch:size=1g").is_err());
    }
}
