//! A store in a file, a server before it, and requests as any program sends them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::access::{NewApiToken, Role};
use longshore_core::store::Store;
use longshore_server::{Access, Options, Secret};
use longshore_sqlite::SqliteStore;
use longshore_testkit::store::StoreHarness;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::served::Served;

pub struct Scene {
    pub store: Arc<dyn Store>,
    pub served: Served,
    http: reqwest::Client,
    _folder: Option<tempfile::TempDir>,
}

/// The scene's database, for the testkit's short ways.
pub struct Same(Arc<dyn Store>);

impl Same {
    pub fn of(scene: &Scene) -> Self {
        Self(Arc::clone(&scene.store))
    }
}

#[async_trait]
impl StoreHarness for Same {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&self.body));
        })
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).expect("a media type");
        assert_eq!(kind, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["code"].as_str().expect("a code").to_owned()
    }
}

impl Scene {
    /// Whoever reaches the server may submit.
    pub async fn open() -> Self {
        Self::with(Options::loopback()).await
    }

    /// Tokens alone open it.
    pub async fn by_tokens() -> Self {
        Self::with(Options {
            access: Access::Tokens,
            ..Options::loopback()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("longshore.db");
        let store = SqliteStore::open(path, longshore_sqlite::Options::default()).await;
        let store: Arc<dyn Store> = Arc::new(store.expect("a temporary file opens"));
        Self {
            _folder: Some(folder),
            ..Self::before(store, options).await
        }
    }

    /// A server before this store, one of several perhaps.
    pub async fn before(store: Arc<dyn Store>, options: Options) -> Self {
        let served = Served::with(Arc::clone(&store), options).await;
        // A client of ours brings what encrypts, once for the process.
        drop(served.client(None));
        // Nobody waits for more than a test does.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_mins(1))
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            store,
            served,
            http: http.expect("a client"),
            _folder: None,
        }
    }

    /// A token of this role, named after it.
    pub async fn token(&self, role: Role) -> String {
        self.token_for(role, None).await
    }

    pub async fn token_for(&self, role: Role, lifetime: Option<Duration>) -> String {
        let secret = Secret::draw();
        let new = NewApiToken {
            name: role.to_string(),
            role,
            hash: secret.hash(),
            lifetime,
        };
        let token = self.store.create_token(&new).await.expect("a token");
        secret.token(token.id)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.served.url());
        self.http.request(method, url)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("a body").to_vec();
        Got {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// With a token.
    pub async fn ask(&self, token: &str, method: Method, path: &str, body: &Value) -> Got {
        let request = self.request(method, path).json(body);
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        self.send(request).await
    }

    pub async fn close(self) {
        self.served.stop().await;
        self.store.close().await;
    }
}
