//! Ten thousand hostile requests, slow clients and idle listeners: the server goes on answering, within
//! bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::apart::Apart;
use crate::scene::Scene;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 50;
const STREAMS: usize = 500;
const SLOW: usize = 200;
/// What the server may take at the most, in KiB: bodies for 32 MiB and what reading them as JSON takes.
const MOST_KIB: u64 = 600 * 1024;
/// Far more than an answer takes while all that goes on.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is attacked.
struct Victim(Apart);

impl Victim {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, path)
    }

    /// A line of what the kernel knows of the process, in KiB.
    fn memory(&self, line: &str) -> u64 {
        let path = format!("/proc/{}/status", self.0.pid());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let value = status.lines().find_map(|known| known.strip_prefix(line));
        let value = value.expect("the kernel knows it").trim();
        value.trim_end_matches(" kB").parse().expect("a number")
    }

    /// The n-th hostile request.
    fn hostile(&self, n: usize) -> RequestBuilder {
        const JOBS: &str = "/api/v1/jobs";
        let json = |path: &str, body: String| {
            let request = self.request(Method::POST, path);
            request
                .header("content-type", "application/json")
                .body(body)
        };
        let get = |path: &str| self.request(Method::GET, path);
        match n % 24 {
            0 => get(JOBS).bearer_auth(format!("lsh_{n}_{}", "A".repeat(43))),
            1 => get(JOBS).bearer_auth("x".repeat(n % 5000)),
            2 => get(JOBS).header("authorization", "Basic YTpi"),
            3 => get(JOBS).header("host", "evil.example"),
            4 => {
                json(JOBS, "{\"image\": \"a\"}".to_owned()).header("origin", "http://evil.example")
            }
            5 => json(JOBS, "[".repeat(100_000)),
            6 => json(JOBS, format!("{{\"image\": {}}}", "[1,".repeat(5000))),
            7 => json(JOBS, "{\"image\": 7}".to_owned()),
            8 => json(
                JOBS,
                format!("{{\"command\": [\"{}\"]}}", "x".repeat(300_000)),
            ),
            9 => json(JOBS, "\u{0}".repeat(1000)),
            10 => get("/api/v1/jobs/..%2f..%2fetc%2fpasswd"),
            11 => get("/api/v1/../../../etc/passwd"),
            12 => get("/docs/..%2f..%2fCargo.toml"),
            13 => get("/api/v1/jobs/99999999999999999999"),
            14 => get("/api/v1/jobs?limit=999999999&before=-1"),
            15 => get(&format!("/api/v1/jobs?search={}", "%27%3B--".repeat(50))),
            16 => get("/api/v1/jobs?state=x&label=%00"),
            17 => self.request(Method::DELETE, JOBS),
            18 => self.request(Method::POST, JOBS).body("image=a"),
            19 => json(
                "/api/v1/jobs/batch",
                "{\"jobs\": [{\"image\": \"\\ud800\"}]}".to_owned(),
            ),
            20 => json(
                "/api/v1/jobs/bulk",
                "{\"action\": \"cancel\", \"filter\": {}}".to_owned(),
            ),
            21 => json(
                "/api/v1/tokens",
                "{\"name\": \"a\", \"role\": \"admin\"}".to_owned(),
            ),
            22 => get("/api/v1/jobs/1/stdout").header("range", "bytes=99999999999999999999-"),
            _ => json(JOBS, "{\"image\": \"a\"}".to_owned()).header("idempotency-key", bad_text()),
        }
    }
}

fn bad_text() -> HeaderValue {
    HeaderValue::from_bytes(b"\xff\xfe").expect("a header may hold any bytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_requests_leave_the_server_answering_within_bounded_memory() {
    let victim = Arc::new(Victim(Apart::start(PATIENCE)));
    let job = victim
        .request(Method::POST, "/api/v1/jobs")
        .json(&json!({"image": "a"}));
    assert_eq!(job.send().await.expect("an answer").status(), 201);
    let before = victim.memory("VmRSS:");
    // Listeners who only listen.
    let mut idle = Vec::new();
    for _ in 0..STREAMS {
        let listens = victim.request(Method::GET, "/api/v1/jobs/1/output/events");
        let listens = listens.timeout(Duration::from_mins(10)).send().await;
        let listens = listens.expect("an answer");
        assert_eq!(listens.status(), 200);
        idle.push(listens);
    }
    // Clients who begin and never end.
    let mut slow = Vec::new();
    for n in 0..SLOW {
        let mut socket = TcpStream::connect(&victim.0.address)
            .await
            .expect("a connection");
        let begun = match n % 3 {
            0 => "GET /api/v1/jo".to_owned(),
            1 => format!("GET / HTTP/1.1\r\nHost: {}\r\nX-A: ", victim.0.address),
            _ => format!(
                "POST /api/v1/jobs HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
                 Content-Length: 1000\r\n\r\n{{",
                victim.0.address
            ),
        };
        socket.write_all(begun.as_bytes()).await.expect("written");
        slow.push(socket);
    }
    // Bodies that are too large, by their own word and without one.
    let huge = "x".repeat(20 * 1024 * 1024);
    for _ in 0..5 {
        let said = victim
            .request(Method::POST, "/api/v1/jobs")
            .body(huge.clone());
        let said = said.header("content-type", "application/json").send().await;
        // The server need not read it all: then the connection may end before the answer is read.
        assert!(said.is_err() || said.is_ok_and(|answer| answer.status() == 413));
    }
    let answered = AtomicUsize::new(0);
    let mut requests = stream::iter(0..REQUESTS)
        .map(|n| {
            let (victim, answered) = (&victim, &answered);
            async move {
                // One that can't even be sent by a decent client is none.
                let Ok(answer) = victim.hostile(n).send().await else {
                    return;
                };
                let status = answer.status();
                assert!(!status.is_server_error(), "request {n}: {status}");
                answered.fetch_add(1, Ordering::Relaxed);
                if n % 500 == 0 {
                    let begun = Instant::now();
                    let decent = victim
                        .request(Method::GET, "/api/v1/jobs?limit=1")
                        .send()
                        .await;
                    assert_eq!(decent.expect("an answer").status(), 200);
                    assert!(begun.elapsed() < PATIENCE);
                }
            }
        })
        .buffer_unordered(AT_ONCE);
    while requests.next().await.is_some() {}
    drop(requests);
    let answered = answered.into_inner();
    assert!(answered > REQUESTS * 9 / 10, "{answered} were answered");
    let decent = victim.request(Method::GET, "/healthz").send().await;
    assert_eq!(decent.expect("an answer").status(), 200);
    let (after, most) = (victim.memory("VmRSS:"), victim.memory("VmHWM:"));
    println!(
        "memory of the server: {before} KiB before, {most} KiB at the most, {after} KiB after"
    );
    assert!(most < MOST_KIB, "{most} KiB");
    drop((idle, slow));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_slow_with_head_or_body_is_let_go() {
    let options = longshore_server::Options {
        arrival: Duration::from_millis(300),
        ..longshore_server::Options::loopback()
    };
    let scene = Scene::with(options).await;
    let host = scene.served.address;
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-A: ");
    let body = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    let form = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 1000\r\n\r\nseal="
    );
    let late = "408 Request Timeout";
    for (begun, answer) in [(head, ""), (body, late), (form, late)] {
        let mut socket = TcpStream::connect(host).await.expect("a connection");
        socket.write_all(begun.as_bytes()).await.expect("written");
        let mut read = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut read)).await;
        ended
            .expect("the server ends the connection")
            .expect("read");
        let read = String::from_utf8_lossy(&read);
        assert!(read.contains(answer), "{begun:?}: {read:?}");
    }
    scene.close().await;
}
