//! Finding an engine and agreeing with it on an API version.
//!
//! Owns the way to an engine: unix socket, TCP or TLS. A choice that a person made is never fallen
//! back from, and certificates are always verified.

mod problem;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use tokio::time::timeout;

pub use problem::{ConnectError, Problem, Tried};
pub use search::{Address, Candidate, SearchError, Source, Surroundings, search};

/// How long the first word may take: an engine that is well answers within milliseconds.
const GREETING: Duration = Duration::from_secs(5);
/// How long any later call may take to begin its answer, in seconds.
const DEADLINE_SECONDS: u64 = 60;
/// The oldest API that has what is used here: that of Docker 20.10.
const OLDEST: (usize, usize) = (1, 41);

/// An engine that has answered.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its client, the API version negotiated.
    pub docker: Docker,
    /// Where it is.
    pub address: String,
}

impl Connection {
    /// For people: its version, that of the API which both sides speak, and where it is.
    pub async fn describe(&self) -> String {
        let ClientVersion {
            major_version,
            minor_version,
        } = self.docker.client_version();
        let answer = timeout(GREETING, self.docker.version()).await;
        let version = answer
            .ok()
            .and_then(Result::ok)
            .and_then(|said| said.version);
        let version = version.unwrap_or_else(|| "unknown".to_owned());
        let address = &self.address;
        format!("version {version}, API {major_version}.{minor_version}, at {address}")
    }
}

/// Connects to the engine that was asked for or, if none was, to the one that this process's
/// surroundings name, or to the first that answers in a usual place.
pub async fn connect(asked: Option<&str>) -> Result<Connection, ConnectError> {
    // Variables that are not text can't name an engine.
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let home = env.get("HOME").filter(|home| !home.is_empty());
    let home = home.map(PathBuf::from);
    let candidates = search(&Surroundings {
        asked,
        env: &env,
        home: home.as_deref(),
        read: &|path| fs::read_to_string(path),
    })?;
    connect_to(candidates).await
}

/// Connects to the first of these that answers.
pub async fn connect_to(candidates: Vec<Candidate>) -> Result<Connection, ConnectError> {
    let mut tried = Vec::new();
    for candidate in candidates {
        match greet(&candidate.address).await {
            Ok(docker) => {
                let address = candidate.address.to_string();
                return Ok(Connection { docker, address });
            }
            Err(problem) => {
                let stop = !problem.is_passed_over();
                tried.push(Tried { candidate, problem });
                if stop {
                    break;
                }
            }
        }
    }
    Err(ConnectError::NoneAnswered(tried))
}

async fn greet(address: &Address) -> Result<Docker, Problem> {
    let client = client(address)?;
    let docker = match timeout(GREETING, client.negotiate_version()).await {
        Ok(Ok(docker)) => docker,
        Ok(Err(error)) => return Err(Problem::of(address, &error)),
        Err(_late) => return Err(Problem::NoAnswer),
    };
    let ClientVersion {
        major_version,
        minor_version,
    } = docker.client_version();
    if (major_version, minor_version) < OLDEST {
        return Err(Problem::TooOld(format!("{major_version}.{minor_version}")));
    }
    Ok(docker)
}

fn client(address: &Address) -> Result<Docker, Problem> {
    let made = match address {
        Address::Unix(path) => {
            let path = path.to_str().ok_or(Problem::NotThere)?;
            Docker::connect_with_unix(path, DEADLINE_SECONDS, API_DEFAULT_VERSION)
        }
        Address::Tcp(authority) => {
            Docker::connect_with_http(authority, DEADLINE_SECONDS, API_DEFAULT_VERSION)
        }
        Address::Tls {
            authority,
            certificates,
        } => {
            let [ca, cert, key] =
                ["ca.pem", "cert.pem", "key.pem"].map(|file| certificates.join(file));
            // The client would go on without a certificate of its own, and be refused without a
            // word about why.
            for path in [&ca, &cert, &key] {
                fs::File::open(path).map_err(|error| {
                    Problem::Certificate(format!("can't read {}: {error}", path.display()))
                })?;
            }
            Docker::connect_with_ssl(
                authority,
                &key,
                &cert,
                &ca,
                DEADLINE_SECONDS,
                API_DEFAULT_VERSION,
            )
        }
    };
    made.map_err(|error| Problem::of(address, &error))
}
