//! A receiver of deliveries.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use longshore_testkit::wait::eventually;
use serde_json::Value;
use tokio::net::TcpListener;

/// What came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("it is there");
        value.to_str().expect("a text")
    }
}

/// How it answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    /// Elsewhere.
    Redirect(String),
    Never,
}

struct Shared {
    heard: Mutex<Vec<Heard>>,
    answer: Mutex<Answer>,
}

/// Listens on a port that was free, until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    pub async fn open(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            answer: Mutex::new(answer),
        });
        let router = Router::new().fallback(hear).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it listens");
        });
        Self {
            address,
            shared,
            serving,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?from=longshore", self.address)
    }

    pub fn answer_from_now_on(&self, answer: Answer) {
        *self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }

    pub fn heard(&self) -> Vec<Heard> {
        let heard = self.shared.heard.lock();
        heard.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has heard so much.
    pub async fn hears(&self, count: usize) -> Vec<Heard> {
        eventually("the receiver hears", async || {
            let heard = self.heard();
            (heard.len() >= count).then_some(heard)
        })
        .await
    }
}

async fn hear(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let heard = Heard { headers, body };
    shared
        .heard
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(heard);
    let answer = shared
        .answer
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    match answer {
        Answer::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            status.into_response()
        }
        Answer::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Answer::Never => std::future::pending().await,
    }
}
