//! One try of a delivery: what is sent, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longshore_core::store::{
    Delivery, DueDelivery, JobSummary, Store, StoreError, StoreResult, Tried,
};
use longshore_core::webhook::REPEATED;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Serialize;

use super::guarded::Guarded;
use super::signing::{SIGNATURE, sign};

/// How long a receiver may take: to be connected to, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);

/// The heads beside the signature: which delivery, and which try of it.
const DELIVERY: &str = "longshore-delivery";
const TRY: &str = "longshore-try";

/// What sends.
pub(crate) struct Sender {
    /// Or why there is none: a machine without certificates, say. Whoever sends is told.
    client: Result<Client, String>,
    guarded: Guarded,
}

/// What a receiver reads.
#[derive(Serialize)]
struct Body<'a> {
    delivery: i64,
    event: String,
    state: &'a str,
    at: jiff::Timestamp,
    job_id: i64,
    /// The job as it is when this is sent; null if it was pruned meanwhile.
    job: Option<JobSummary>,
}

impl Sender {
    /// `allows_private`: also to addresses that only the server's own network reaches.
    pub fn new(allows_private: bool) -> Self {
        let guarded = Guarded { allows_private };
        // A second call changes nothing.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // Where a receiver points to was not asked for, and might not be public.
            .redirect(Policy::none())
            // A proxy would look names up by itself.
            .no_proxy()
            .dns_resolver(Arc::new(guarded))
            .build();
        Self {
            client: client.map_err(|error| in_words(&error)),
            guarded,
        }
    }

    /// Whether anything can ever be sent to this address; why not, in words.
    pub fn check(&self, url: &str) -> Result<Url, String> {
        let url: Url = url
            .parse()
            .map_err(|error| format!("is no address: {error}"))?;
        let checked = self.guarded.check(&url);
        checked.map(|()| url).map_err(|error| error.to_string())
    }

    /// Sends it once.
    pub async fn attempt(&self, store: &dyn Store, due: &DueDelivery) -> Tried {
        let (status, problem) = match self.send(store, due).await {
            Ok(status) if (200..300).contains(&status) => (Some(status), None),
            Ok(status) => (
                Some(status),
                Some(format!("the receiver answered {status}")),
            ),
            Err(problem) => (None, Some(problem)),
        };
        let tries = due.delivery.tries;
        let again_in = problem.as_ref().and_then(|_| {
            let is_left = tries <= REPEATED.attempts;
            is_left.then(|| REPEATED.delay(tries, rand::random()))
        });
        Tried {
            delivery: due.delivery.id,
            tries,
            status,
            problem: problem.map(|mut problem| {
                problem.truncate(problem.floor_char_boundary(Delivery::MAX_PROBLEM_BYTES));
                problem
            }),
            again_in,
        }
    }

    /// The status of the answer, or in words why there is none.
    async fn send(&self, store: &dyn Store, due: &DueDelivery) -> Result<u16, String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let url = self.check(&due.url)?;
        let body = body(store, &due.delivery).await;
        let body = body.map_err(|error| error.to_string())?;
        // The time that receivers have, too, not the database's.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs();
        let signature = sign(&due.key, seconds, &body);
        let request = client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(DELIVERY, due.delivery.id.0)
            .header(TRY, due.delivery.tries)
            .header(SIGNATURE, signature)
            .body(body);
        match request.send().await {
            // What it says beside its status is nobody's: it is not read.
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(in_words(&error.without_url())),
        }
    }
}

async fn body(store: &dyn Store, delivery: &Delivery) -> StoreResult<Vec<u8>> {
    let job = match store.show_job(delivery.job).await {
        Ok(detail) => Some(detail.summary),
        Err(StoreError::UnknownJob(_)) => None,
        Err(error) => return Err(error),
    };
    let body = Body {
        delivery: delivery.id.0,
        event: format!("job.{}", delivery.state),
        state: delivery.state.as_str(),
        at: delivery.at,
        job_id: delivery.job.0,
        job,
    };
    serde_json::to_vec(&body).map_err(|e| StoreError::unexpected("write a delivery", e))
}

/// The chain of causes, each once.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}
