//! Requests and answers.

use std::fmt;
use std::time::Duration;

use longshore_core::store::{StoreError, StoreResult};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{
    About, AuditPage, AuditQuery, BulkAnswer, BulkRequest, JobView, MadeToken, NewToken, Nothing,
    PREFIX, Problem, Stats, WhoAmI,
};

/// How a client behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientOptions {
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long an answer may take, whole.
    pub answer: Duration,
}

impl Default for ClientOptions {
    /// 10 s, and a minute: an answer waits for the server's database.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_mins(1),
        }
    }
}

/// The server's address or the token can't be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadServer(String);

/// Speaks to one server. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `address` (`http://HOST:PORT` or `https://…`, below any path), with the
    /// token that it shows. Connects at the first request.
    pub fn new(
        address: &str,
        token: Option<&str>,
        options: &ClientOptions,
    ) -> Result<Self, BadServer> {
        let expected = "write http://HOST:PORT or https://HOST:PORT";
        let mut base = Url::parse(address).map_err(|error| {
            BadServer(format!(
                "the server's address is not one ({error}); {expected}"
            ))
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(BadServer(format!(
                "the server's address is not one; {expected}"
            )));
        }
        if !base.username().is_empty() || base.password().is_some() {
            let problem = "the server's address takes no login: give the token with --token-file \
                           or LONGSHORE_TOKEN";
            return Err(BadServer(problem.to_owned()));
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = format!("{}{PREFIX}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        // The same provider as everywhere in Longshore; a second call changes nothing.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let shown = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut shown =
                shown.map_err(|_| BadServer("the token is not one: it is one line".to_owned()))?;
            shown.set_sensitive(true);
            headers.insert(AUTHORIZATION, shown);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(options.connect)
            .timeout(options.answer)
            // A token goes to the server that was named, and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let http = http.map_err(|error| BadServer(format!("no client can be made: {error}")))?;
        Ok(Self { http, base })
    }

    /// Whom the server takes the caller for.
    pub async fn who_am_i(&self) -> StoreResult<WhoAmI> {
        self.get("ask who one is", "whoami", &()).await
    }

    /// What the server is.
    pub async fn about(&self) -> StoreResult<About> {
        self.get("ask what the server is", "about", &()).await
    }

    /// Counts over everything.
    pub async fn stats(&self) -> StoreResult<Stats> {
        self.get("count jobs", "stats", &()).await
    }

    /// A job with its result; with `show_env` also the values of its environment, which needs the role
    /// operator.
    pub async fn job(&self, job: longshore_core::JobId, show_env: bool) -> StoreResult<JobView> {
        let query = [("show_env", show_env)];
        self.get("show the job", &format!("jobs/{job}"), &query)
            .await
    }

    /// The same for every job that fits a filter, one page of them.
    pub async fn bulk(&self, request: &BulkRequest) -> StoreResult<BulkAnswer> {
        self.send("ask many jobs", Method::POST, "jobs/bulk", request)
            .await
    }

    /// Makes a token.
    pub async fn create_token(&self, token: &NewToken) -> StoreResult<MadeToken> {
        self.send("make the token", Method::POST, "tokens", token)
            .await
    }

    /// Lines of the audit log.
    pub async fn audit_log(&self, query: AuditQuery) -> StoreResult<AuditPage> {
        self.get("read the audit log", "audit", &query).await
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        path: &str,
        query: &impl Serialize,
    ) -> StoreResult<T> {
        let request = self.http.get(self.at(path)).query(query);
        read(verb, request.send().await).await
    }

    /// The same with repeated parameters, which a query string alone can say.
    pub(super) async fn get_pairs<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        path: &str,
        pairs: &[(&'static str, String)],
    ) -> StoreResult<T> {
        self.get(verb, path, &pairs).await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> StoreResult<T> {
        let request = self.http.request(method, self.at(path)).json(body);
        read(verb, request.send().await).await
    }

    /// Asks for something that has no answer but that it was done.
    pub(super) async fn ask(
        &self,
        verb: &'static str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> StoreResult<()> {
        let request = self.http.request(method, self.at(path)).json(body);
        answered(verb, request.send().await).await.map(drop)
    }

    /// Asks for something about which nothing more is to be said.
    pub(super) async fn act<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        method: Method,
        path: &str,
    ) -> StoreResult<T> {
        self.send(verb, method, path, &Nothing {}).await
    }

    /// The same of something that has no answer.
    pub(super) async fn act_alone(
        &self,
        verb: &'static str,
        method: Method,
        path: &str,
    ) -> StoreResult<()> {
        self.ask(verb, method, path, &Nothing {}).await
    }

    /// Paths here are ours but for names, which may hold anything.
    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path.split('/'));
        }
        url
    }

    /// As a part of a path: a name with a slash in it is no name of ours.
    pub(super) fn part(name: &str) -> String {
        name.replace('/', "%2F")
    }
}

async fn read<T: DeserializeOwned>(
    verb: &'static str,
    sent: reqwest::Result<Response>,
) -> StoreResult<T> {
    let response = answered(verb, sent).await?;
    let bytes = response.bytes().await.map_err(|error| lost(verb, error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        StoreError::unexpected(
            verb,
            format!("the server's answer is not what was expected: {error}"),
        )
    })
}

/// The answer if it is one; the problem as the store's error.
async fn answered(verb: &'static str, sent: reqwest::Result<Response>) -> StoreResult<Response> {
    let response = sent.map_err(|error| lost(verb, error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let bytes = response.bytes().await.map_err(|error| lost(verb, error))?;
    let problem = serde_json::from_slice::<Problem>(&bytes);
    Err(match problem {
        Ok(problem) => problem.into_error(verb),
        // Something else answers there: a proxy, or no Longshore at all.
        Err(_) => StoreError::ServerUnavailable {
            verb,
            source: format!("the server answered {status}, and not as Longshore does").into(),
        },
    })
}

fn lost(verb: &'static str, error: reqwest::Error) -> StoreError {
    StoreError::ServerUnavailable {
        verb,
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Result<Client, BadServer> {
        Client::new(address, None, &ClientOptions::default())
    }

    #[test]
    fn an_address_may_have_a_path_and_names_are_one_part_of_it() {
        for address in ["http://localhost:7373", "http://localhost:7373/"] {
            let client = client(address).expect(address);
            let url = client.at("jobs/7");
            assert_eq!(url.as_str(), "http://localhost:7373/api/v1/jobs/7");
        }
        let below = client("https://example.org/longshore/").expect("an address");
        let url = below.at(&format!("queues/{}", Client::part("a?b#c")));
        assert_eq!(
            url.as_str(),
            "https://example.org/longshore/api/v1/queues/a%3Fb%23c"
        );
    }

    #[test]
    fn what_is_no_server_is_refused_without_showing_a_password() {
        for address in [
            "localhost:7373",
            "ftp://host",
            "http://",
            "http://me:hunter2@host",
        ] {
            let refused = client(address).expect_err(address).to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        let token = Client::new("http://host", Some("a\nb"), &ClientOptions::default());
        assert!(token.is_err());
    }
}
