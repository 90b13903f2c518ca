//! Configuration: flags over `LONGSHORE_*` variables over a TOML file.
//!
//! Flags and variables are clap's; this file owns the TOML below them. A key `k` of section `s`
//! is the variable `LONGSHORE_<S>_<K>` and the flag `--k` of that command.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore_core::spec::Timeout;
use longshore_core::suggest;
use serde::{Deserialize, Deserializer};

use crate::address::{Address, user_folder};
use crate::exit::Refused;

/// What the file says; nothing is filled in here, so that each default stands beside its flag.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The file that was read, if there was one.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// The database's address.
    pub database: Option<Secret>,
    /// The server that is asked instead.
    pub server: Option<String>,
    /// A file with the token that is shown to it.
    pub token_file: Option<PathBuf>,
    /// For `submit` and `run`.
    pub submit: SubmitConfig,
    /// For `worker`.
    pub worker: WorkerConfig,
    /// For whatever launches containers: `worker`, `run`, `hosts test`, `doctor`.
    pub docker: DockerConfig,
    /// For whatever serves HTTP: `server`, `up`.
    pub http: HttpConfig,
    /// Connections to a PostgreSQL server.
    pub postgres: PostgresConfig,
    /// Access to an SQLite file.
    pub sqlite: SqliteConfig,
}

/// Connections to a PostgreSQL server, and how long they wait.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PostgresConfig {
    /// The most connections of one process at once, one for listening not counted.
    pub pool_size: Option<u32>,
    /// What the server shows for our sessions.
    pub application_name: Option<String>,
    /// How long a statement waits for a lock before the call is repeated.
    #[serde(deserialize_with = "bound")]
    pub lock_timeout: Option<Duration>,
    /// How long a statement may take before the call is repeated.
    #[serde(deserialize_with = "bound")]
    pub statement_timeout: Option<Duration>,
}

/// Access to an SQLite file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SqliteConfig {
    /// How long a call waits for the write lock of another process before it is repeated.
    #[serde(deserialize_with = "bound")]
    pub busy_timeout: Option<Duration>,
    /// Threads that answer questions.
    pub readers: Option<u32>,
}

/// Defaults of `submit` and `run`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SubmitConfig {
    /// The queue of jobs that name none.
    pub queue: Option<String>,
}

/// Defaults of `worker`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkerConfig {
    /// The queues to serve.
    pub queues: Option<Vec<String>>,
    /// The most jobs at once.
    pub max_concurrent: Option<u32>,
    /// How often to look for work without a hint.
    #[serde(deserialize_with = "bound")]
    pub poll_interval: Option<Duration>,
    /// How long one acquisition may take.
    #[serde(deserialize_with = "bound")]
    pub timeout: Option<Duration>,
    /// How long a drain waits for running jobs.
    #[serde(deserialize_with = "bound")]
    pub shutdown_timeout: Option<Duration>,
    /// After how long without a heartbeat the worker counts as dead.
    #[serde(deserialize_with = "bound")]
    pub lease_ttl: Option<Duration>,
    /// How often it gives a sign of life.
    #[serde(deserialize_with = "bound")]
    pub heartbeat: Option<Duration>,
    /// How long ended jobs are kept, with attempts and output.
    pub retention: Option<Timeout>,
    /// Where metrics and probes are served.
    pub metrics_listen: Option<SocketAddr>,
}

/// Where and to whom HTTP is served.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// Names by which the server is called.
    pub names: Vec<String>,
    /// The role of callers without a token, or `none`.
    pub anonymous: Option<String>,
    /// The server's certificate, as PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, as PEM.
    pub key: Option<PathBuf>,
    /// Whether a proxy before the server speaks TLS.
    pub behind_proxy: bool,
    /// Which webhooks are told of changes: `public`, `any` or `none`.
    pub webhooks: Option<String>,
}

/// Container engines, and what jobs may ask of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DockerConfig {
    /// The engines' addresses.
    pub hosts: Option<Vec<String>>,
    /// Host paths that jobs may bind, with everything below them.
    pub binds: Vec<String>,
    /// Whether jobs may join the host's own network.
    pub host_network: bool,
    /// Devices of the host that jobs may have; a folder stands for all below it.
    pub devices: Vec<String>,
    /// Whether jobs may run privileged.
    pub privileged: bool,
    /// Logins, by registry.
    pub registries: BTreeMap<String, RegistryConfig>,
}

/// A login to a registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Who.
    pub username: String,
    /// The password itself; or better:
    pub password: Option<Secret>,
    /// A file that holds nothing but the password.
    pub password_file: Option<PathBuf>,
}

/// A text that `Debug` does not show: an address may hold a password.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Config {
    /// Reads the given file, which must be there, or the user's own, which need not.
    pub fn load(given: Option<&Path>) -> anyhow::Result<Self> {
        let mut config = Self::of_file(given)?;
        stores::read_variables(&mut config)?;
        stores::check(&config)?;
        Ok(config)
    }

    fn of_file(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = given.map(Path::to_owned).or_else(Self::default_path) else {
            return Ok(Self::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self {
                path: Some(path.clone()),
                ..Self::parse(&text, &path)?
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && given.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(Refused::usage(format!(
                "the configuration {} can't be read: {error}",
                path.display()
            ))
            .into()),
        }
    }

    /// Whether it holds a password, so that it is not for everybody to read.
    pub fn holds_secrets(&self) -> bool {
        let login = |login: &RegistryConfig| login.password.is_some();
        let address = self.database.as_ref();
        let address = address.and_then(|address| Address::parse(&address.0).ok());
        self.docker.registries.values().any(login)
            || address.is_some_and(|address| address.has_password())
    }

    /// `~/.config/longshore/config.toml`.
    pub fn default_path() -> Option<PathBuf> {
        Some(user_folder("XDG_CONFIG_HOME", ".config")?.join("longshore/config.toml"))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Refused> {
        let refuse = |problem: String| {
            Refused::usage(format!("the configuration {}: {problem}", path.display()))
        };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_of(text, span.start));
            refuse(format!("line {line} is not TOML: {}", e.message()))
        })?;
        known_keys("", &table, &settings::keys(None)).map_err(refuse)?;
        for section in settings::sections() {
            if let Some(inner) = table.get(section).and_then(toml::Value::as_table) {
                known_keys(section, inner, &settings::keys(Some(section))).map_err(refuse)?;
            }
        }
        // From the text once more, so that an error knows its line.
        toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| line_of(text, span.start));
            refuse(format!("line {line}: {}", e.message()))
        })
    }
}

fn known_keys(section: &str, table: &toml::Table, known: &[&str]) -> Result<(), String> {
    for key in table.keys() {
        if !known.contains(&key.as_str()) {
            let path = if section.is_empty() {
                key.clone()
            } else {
                format!("{section}.{key}")
            };
            let hint = suggest::hint(key, known.iter().copied());
            return Err(format!("{path:?} is not a key; {hint}"));
        }
    }
    Ok(())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// A duration in the words of a job's fields, without `none`.
fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match Timeout::deserialize(deserializer)? {
        Timeout::After(duration) => Ok(Some(duration)),
        Timeout::Never => Err(serde::de::Error::custom("\"none\" is not allowed here")),
    }
}

mod settings;
mod stores;

pub use stores::VARIABLES as STORE_VARIABLES;

#[cfg(test)]
mod reference;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("config.toml")).map_err(|refused| refused.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "database = \"sqlite:x.db\"\n[submit]\nqueue = \"night\"\n[worker]\nqueues = [\"local\"]\n\
             max_concurrent = 8\npoll_interval = \"250ms\"\ntimeout = 5\nshutdown_timeout = \"1m\"\n\
             lease_ttl = 30\nheartbeat = 10\nretention = \"none\"\n",
        )
        .expect("every key is known");
        assert_eq!(config.submit.queue.as_deref(), Some("night"));
        assert_eq!(
            config.worker.poll_interval,
            Some(Duration::from_millis(250))
        );
        assert_eq!(config.worker.max_concurrent, Some(8));
        assert_eq!(config.worker.retention, Some(Timeout::Never));
        assert!(!format!("{config:?}").contains("x.db"));
    }

    #[test]
    fn a_slip_is_named_and_offered_its_key() {
        let error = parse("databse = \"x\"").expect_err("a slip");
        assert!(
            error.contains("\"databse\" is not a key; did you mean \"database\"?"),
            "{error}"
        );
        let error = parse("[worker]\nmax_concurent = 3").expect_err("a slip");
        assert!(error.contains("\"worker.max_concurent\""), "{error}");
    }

    #[test]
    fn a_bad_value_names_its_line() {
        for (text, line) in [
            ("database = 7", "line 1: "),
            ("[worker]\nmax_concurrent = \"many\"", "line 2: "),
            ("[worker]\n\nheartbeat = \"none\"", "line 3: "),
            ("database =", "line 1 is not TOML: "),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(line), "{text}: {error}");
        }
    }
}
