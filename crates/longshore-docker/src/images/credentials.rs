//! Logins of registries: from Longshore's own configuration, then from docker's.
//!
//! Read anew for each pull, since logins change. They go to the engine with the pull and nowhere
//! else: into no job, no log and no error.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::{fmt, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a credential helper may take: some ask a service on the network.
const HELPER_DEADLINE: Duration = Duration::from_secs(20);
/// What docker calls its own registry in its configuration.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Where logins come from.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// From Longshore's configuration, by registry (`docker.io`, `host:port`). They come first.
    pub by_registry: BTreeMap<String, Login>,
    /// Docker's own configuration file, if it is to be looked at.
    pub docker_config: Option<PathBuf>,
}

/// A name and its password.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name.
    pub username: String,
    /// Its password, or a token that stands for it.
    pub password: Password,
}

/// A password. `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl From<String> for Password {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is known of a registry's login.
#[derive(Default)]
pub(super) struct Found {
    pub login: Option<DockerCredentials>,
    /// What went wrong on the way, without secrets: the pull is tried all the same, since many
    /// images need no login.
    pub trouble: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    #[serde(rename = "auth")]
    encoded: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// These, and those of docker's configuration in `$DOCKER_CONFIG` or `~/.docker`.
    pub fn with_dockers_own(by_registry: BTreeMap<String, Login>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")));
        Self {
            by_registry,
            docker_config: folder.map(|folder| folder.join("config.json")),
        }
    }

    pub(super) async fn find(&self, registry: &str) -> Found {
        if let Some(login) = self.by_registry.get(registry) {
            let login = basic(registry, login.username.clone(), login.password.0.clone());
            return Found {
                login: Some(login),
                trouble: None,
            };
        }
        match self.read() {
            Ok(Some(config)) => config.find(registry).await,
            Ok(None) => Found::default(),
            Err(trouble) => Found {
                login: None,
                trouble: Some(trouble),
            },
        }
    }

    fn read(&self) -> Result<Option<ConfigFile>, String> {
        let Some(path) = &self.docker_config else {
            return Ok(None);
        };
        match fs::read_to_string(path) {
            // Never the parser's own words: they may quote a login.
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| format!("{} is broken at line {}", path.display(), error.line())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("can't read {}: {error}", path.display())),
        }
    }
}

impl ConfigFile {
    async fn find(&self, registry: &str) -> Found {
        let of_this = |key: &&String| host_of(key) == registry;
        let helper = self.cred_helpers.iter().find(|(key, _)| of_this(key));
        let helper = helper.map_or(&self.creds_store, |(_, helper)| helper);
        let mut trouble = None;
        if !helper.is_empty() {
            match ask_helper(helper, registry).await {
                Ok(login) => {
                    return Found {
                        login: Some(login),
                        trouble,
                    };
                }
                Err(what) => trouble = Some(what),
            }
        }
        let auth = self.auths.iter().find(|(key, _)| of_this(key));
        let login = auth.and_then(|(_, auth)| auth.login(registry));
        Found { login, trouble }
    }
}

impl Auth {
    fn login(&self, registry: &str) -> Option<DockerCredentials> {
        if !self.identitytoken.is_empty() {
            return Some(token(registry, self.identitytoken.clone()));
        }
        if self.encoded.is_empty() {
            let named = !self.username.is_empty();
            return named.then(|| basic(registry, self.username.clone(), self.password.clone()));
        }
        let plain = String::from_utf8(STANDARD.decode(&self.encoded).ok()?).ok()?;
        let (username, password) = plain.split_once(':')?;
        // docker itself has written trailing zero bytes.
        let password = password.trim_end_matches('\0');
        Some(basic(registry, username.to_owned(), password.to_owned()))
    }
}

/// `docker-credential-NAME get`: the registry on stdin, JSON on stdout.
async fn ask_helper(name: &str, registry: &str) -> Result<DockerCredentials, String> {
    let program = format!("docker-credential-{name}");
    if name.contains('/') {
        return Err(format!("`{name}` is no name of a credential helper"));
    }
    let asking = async {
        let mut helper = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = helper.stdin.take().expect("stdin is piped");
        stdin.write_all(key_of(registry).as_bytes()).await?;
        drop(stdin);
        helper.wait_with_output().await
    };
    let output = match timeout(HELPER_DEADLINE, asking).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("{program} can't be run: {error}")),
        Err(_late) => return Err(format!("{program} did not answer in time")),
    };
    if !output.status.success() {
        return Err(format!("{program} knows no login for {registry}"));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_secret| format!("{program} answered with something else than a login"))?;
    Ok(match answer.username.as_str() {
        "<token>" => token(registry, answer.secret),
        _ => basic(registry, answer.username, answer.secret),
    })
}

fn basic(registry: &str, username: String, password: String) -> DockerCredentials {
    DockerCredentials {
        username: Some(username),
        password: Some(password),
        serveraddress: Some(key_of(registry).to_owned()),
        ..DockerCredentials::default()
    }
}

fn token(registry: &str, token: String) -> DockerCredentials {
    DockerCredentials {
        identitytoken: Some(token),
        serveraddress: Some(key_of(registry).to_owned()),
        ..DockerCredentials::default()
    }
}

fn key_of(registry: &str) -> &str {
    match registry {
        "docker.io" => HUB_KEY,
        registry => registry,
    }
}

/// The registry that a key of docker's configuration means: some are addresses.
fn host_of(key: &str) -> &str {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest);
    match host.split('/').next().unwrap_or(host) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigFile {
        serde_json::from_str(text).expect("it is JSON")
    }

    #[tokio::test]
    async fn logins_are_found_under_every_shape_of_key() {
        let auth = STANDARD.encode("ann:se:same");
        for (key, registry) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
            ("host:5000", "host:5000"),
            ("http://host:5000/v2/", "host:5000"),
        ] {
            let config = config(&format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#));
            let login = config.find(registry).await.login.expect(key);
            assert_eq!(login.username.as_deref(), Some("ann"));
            assert_eq!(login.password.as_deref(), Some("se:same"));
            assert!(config.find("elsewhere").await.login.is_none());
        }
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_is_told_and_the_rest_still_looked_at() {
        let config =
            config(r#"{"credsStore":"none-such-here","auths":{"h:1":{"identitytoken":"sesame"}}}"#);
        let found = config.find("h:1").await;
        let login = found.login.expect("the token is there");
        assert_eq!(login.identitytoken.as_deref(), Some("sesame"));
        let trouble = found.trouble.expect("the helper is missing");
        assert!(
            trouble.contains("docker-credential-none-such-here"),
            "{trouble}"
        );
    }

    #[test]
    fn passwords_are_never_shown() {
        let login = Login {
            username: "ann".to_owned(),
            password: "sesame".to_owned().into(),
        };
        let shown = format!("{login:?}");
        assert!(
            shown.contains("***") && !shown.contains("sesame"),
            "{shown}"
        );
    }
}
