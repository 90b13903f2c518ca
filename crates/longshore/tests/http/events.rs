//! Server-sent events, read as any program reads them.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use longshore_testkit::wait::PATIENCE;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::scene::Scene;

/// A stream of events, read as any program reads it.
pub struct Events {
    bytes: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    rest: String,
    /// The last id that came, with an event or alone: what a browser would send when it asks again.
    pub last: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl Events {
    /// What follows the event of this id.
    pub async fn open(scene: &Scene, path: &str, last: Option<&str>) -> Self {
        Self::of(scene.request(Method::GET, path), last).await
    }

    pub async fn of(request: RequestBuilder, last: Option<&str>) -> Self {
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let bytes = response
            .bytes_stream()
            .map(|part| part.map(|bytes| bytes.to_vec()));
        Self {
            bytes: bytes.boxed(),
            rest: String::new(),
            last: last.unwrap_or_default().to_owned(),
        }
    }

    /// The next event; none at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.rest.find("\n\n") {
                let rest = self.rest.split_off(end + 2);
                if let Some(id) = field(&self.rest, "id:") {
                    self.last = id;
                }
                let event = Self::read(&self.rest);
                self.rest = rest;
                if let Some(event) = event {
                    return Some(event);
                }
                continue;
            }
            let part = tokio::time::timeout(PATIENCE, self.bytes.next()).await;
            let part = part.expect("an event comes, or the end")?;
            let part = String::from_utf8(part.expect("the stream goes on"));
            self.rest.push_str(&part.expect("events are text"));
        }
    }

    fn read(block: &str) -> Option<Event> {
        Some(Event {
            name: field(block, "event:")?,
            id: field(block, "id:").unwrap_or_default(),
            data: serde_json::from_str(&field(block, "data:")?).expect("JSON"),
        })
    }

    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn field(block: &str, name: &str) -> Option<String> {
    let lines = block.lines().filter_map(|line| line.strip_prefix(name));
    let lines: Vec<&str> = lines.map(|line| line.trim_start_matches(' ')).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
