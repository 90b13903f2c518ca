//! Where an engine may be: the choices of a person, else the places where engines usually listen.
//!
//! Owns the order; reads only through what it is given, and connects to nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What the search looks at.
pub struct Surroundings<'a> {
    /// The address that was asked for (`--docker-host`).
    pub asked: Option<&'a str>,
    /// The environment's variables.
    pub env: &'a BTreeMap<String, String>,
    /// The person's home folder.
    pub home: Option<&'a Path>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// A place where an engine may be, and who says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Where.
    pub address: Address,
    /// Who says so.
    pub source: Source,
}

/// How an engine is spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// By a socket of this machine.
    Unix(PathBuf),
    /// By plain TCP: `host:port`. Whoever can reach it owns the engine's machine.
    Tcp(String),
    /// By TLS, both sides showing certificates.
    Tls {
        /// `host:port`.
        authority: String,
        /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
        certificates: PathBuf,
    },
}

/// Who chose an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// `--docker-host`.
    Asked,
    /// `DOCKER_HOST`.
    Environment,
    /// A docker context of that name.
    Context(String),
    /// Nobody: engines usually listen there.
    Usual,
}

/// A choice that names no engine that can be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// An address of a kind that is not spoken.
    #[error("can't use the Docker address `{address}` ({source_name}): {advice}")]
    Address {
        /// The address.
        address: String,
        /// Who chose it.
        source_name: String,
        /// What to do.
        advice: &'static str,
    },
    /// The chosen context is not there, or can't be used.
    #[error("can't use the docker context `{name}`: {problem}; `docker context ls` shows them")]
    Context {
        /// Its name.
        name: String,
        /// Why.
        problem: String,
    },
    /// Docker's own configuration can't be read.
    #[error("can't read Docker's configuration {}: {problem}; mend it, or set DOCKER_HOST", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The places to try, in order. What a person chose stands alone: it is never fallen back from.
pub fn search(around: &Surroundings<'_>) -> Result<Vec<Candidate>, SearchError> {
    if let Some(asked) = around.asked.filter(|asked| !asked.is_empty()) {
        return Ok(vec![chosen(around, asked, Source::Asked)?]);
    }
    if let Some(host) = around.variable("DOCKER_HOST") {
        return Ok(vec![chosen(around, host, Source::Environment)?]);
    }
    match context_name(around)? {
        Some(name) => Ok(vec![context(around, &name)?]),
        None => Ok(usual(around)),
    }
}

impl Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        let value = self.env.get(name)?.as_str();
        (!value.is_empty()).then_some(value)
    }

    fn config_folder(&self) -> Option<PathBuf> {
        match self.variable("DOCKER_CONFIG") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(self.home?.join(".docker")),
        }
    }
}

/// An address as `--docker-host` and `DOCKER_HOST` give it, with the TLS variables beside it.
fn chosen(
    around: &Surroundings<'_>,
    address: &str,
    source: Source,
) -> Result<Candidate, SearchError> {
    let certificates = match around.variable("DOCKER_CERT_PATH") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => around.config_folder(),
    };
    // As docker has it: any value at all turns it on. Certificates are verified in either case.
    let wants_tls = around.variable("DOCKER_TLS_VERIFY").is_some()
        || around.variable("DOCKER_TLS").is_some()
        || address.starts_with("https://");
    let address = parse(address, certificates.filter(|_| wants_tls), &source)?;
    Ok(Candidate { address, source })
}

/// What to write instead of an address that is none.
const SHAPES: &str = "write unix:///path, tcp://host:port or https://host:port";

/// `certificates` given means TLS wherever the address is a network's.
fn parse(
    address: &str,
    certificates: Option<PathBuf>,
    source: &Source,
) -> Result<Address, SearchError> {
    let refuse = |advice| SearchError::Address {
        address: address.to_owned(),
        source_name: source.to_string(),
        advice,
    };
    let Some((scheme, rest)) = address.split_once("://") else {
        // A bare path is plainly meant as a socket; docker itself would refuse it.
        return if address.starts_with('/') {
            Ok(Address::Unix(PathBuf::from(address)))
        } else {
            Err(refuse(SHAPES))
        };
    };
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Address::Unix(PathBuf::from(rest))),
        "unix" => Err(refuse("a socket's path is absolute: write unix:///path")),
        "ssh" => Err(refuse(
            "ssh is not spoken; forward the engine's socket with \
             `ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST` and use unix:///tmp/engine.sock",
        )),
        "tcp" | "http" | "https" => {
            let port = if certificates.is_some() { 2376 } else { 2375 };
            let authority = authority(rest, port).ok_or_else(|| refuse(SHAPES))?;
            match certificates {
                Some(certificates) => Ok(Address::Tls {
                    authority,
                    certificates,
                }),
                None if scheme == "https" => Err(refuse(
                    "no folder of certificates is known; set DOCKER_CERT_PATH",
                )),
                None => Ok(Address::Tcp(authority)),
            }
        }
        _ => Err(refuse(SHAPES)),
    }
}

/// `host:port`, the port filled in; none if it is something else, such as a path or a user.
fn authority(rest: &str, default_port: u16) -> Option<String> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '@', '?', '#', ' ']) {
        return None;
    }
    let after_host = rest.rsplit_once(']').map_or(rest, |(_, after)| after);
    match after_host.rsplit_once(':') {
        Some((host, port)) => {
            port.parse::<u16>().ok()?;
            (rest.starts_with('[') || !host.is_empty()).then(|| rest.to_owned())
        }
        None => Some(format!("{rest}:{default_port}")),
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

/// The context that is in force; none for docker's `default`, which is no context at all.
fn context_name(around: &Surroundings<'_>) -> Result<Option<String>, SearchError> {
    let named = match around.variable("DOCKER_CONTEXT") {
        Some(name) => name.to_owned(),
        None => match around.config_folder() {
            Some(folder) => current_context(around, &folder.join("config.json"))?,
            None => String::new(),
        },
    };
    Ok(Some(named).filter(|name| !name.is_empty() && name != "default"))
}

fn current_context(around: &Surroundings<'_>, path: &Path) -> Result<String, SearchError> {
    let wrong = |problem: String| SearchError::Config {
        path: path.to_owned(),
        problem,
    };
    match (around.read)(path) {
        Ok(text) => serde_json::from_str::<ConfigFile>(&text)
            .map(|config| config.current_context)
            // Without the error's own words: they may quote a login.
            .map_err(|error| wrong(format!("not the JSON expected, line {}", error.line()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

fn context(around: &Surroundings<'_>, name: &str) -> Result<Candidate, SearchError> {
    let wrong = |problem: &str| SearchError::Context {
        name: name.to_owned(),
        problem: problem.to_owned(),
    };
    let folder = around
        .config_folder()
        .ok_or_else(|| wrong("no home folder is known; set DOCKER_CONFIG"))?;
    let hash = hex(&Sha256::digest(name.as_bytes()));
    let contexts = folder.join("contexts");
    let meta = contexts.join("meta").join(&hash).join("meta.json");
    let text = (around.read)(&meta).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => wrong("there is none of that name"),
        _ => wrong(&format!("{}: {error}", meta.display())),
    })?;
    let file: ContextFile = serde_json::from_str(&text)
        .map_err(|error| wrong(&format!("{}: {error}", meta.display())))?;
    let endpoint = file
        .endpoints
        .get("docker")
        .ok_or_else(|| wrong("it names no Docker endpoint"))?;
    if endpoint.skip_tls_verify {
        return Err(wrong(
            "it skips the verification of certificates, which Longshore never does",
        ));
    }
    let tls = contexts.join("tls").join(&hash).join("docker");
    let certificates = (around.read)(&tls.join("ca.pem")).is_ok().then_some(tls);
    let source = Source::Context(name.to_owned());
    let address = parse(&endpoint.host, certificates, &source)?;
    Ok(Candidate { address, source })
}

fn usual(around: &Surroundings<'_>) -> Vec<Candidate> {
    let mut sockets = vec![
        PathBuf::from("/var/run/docker.sock"),
        PathBuf::from("/run/docker.sock"),
    ];
    let runtime = around.variable("XDG_RUNTIME_DIR").map(Path::new);
    sockets.extend(runtime.map(|folder| folder.join("docker.sock")));
    if let Some(home) = around.home {
        sockets.push(home.join(".docker/run/docker.sock"));
        sockets.push(home.join(".docker/desktop/docker.sock"));
    }
    sockets.extend(runtime.map(|folder| folder.join("podman/podman.sock")));
    sockets.push(PathBuf::from("/run/podman/podman.sock"));
    let candidate = |socket| Candidate {
        address: Address::Unix(socket),
        source: Source::Usual,
    };
    sockets.into_iter().map(candidate).collect()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
            Self::Tls { authority, .. } => write!(f, "https://{authority}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::Environment => f.write_str("from DOCKER_HOST"),
            Self::Context(name) => write!(f, "from the docker context `{name}`"),
            Self::Usual => f.write_str("a usual place"),
        }
    }
}
