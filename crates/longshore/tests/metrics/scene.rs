//! A server and a worker before one file, and jobs that end in every way.

use std::time::Duration;

use crate::scrape::Scrape;
use crate::support::{DEADLINE, Home, Lines, Running};

/// A process that serves metrics.
pub struct Observed {
    pub url: String,
    pub running: Running,
    /// What it goes on to say on stderr.
    pub log: Lines,
}

/// A server of this home, to which everybody is an admin.
pub fn server(home: &Home) -> Observed {
    let args = ["server", "--listen", "127.0.0.1:0", "--anonymous", "admin"];
    observed(home, &args, "listens on ")
}

/// A worker of this home.
pub fn worker(home: &Home, args: &[&str]) -> Observed {
    let own = [
        "worker",
        "--metrics-listen",
        "127.0.0.1:0",
        "--poll-interval",
        "50ms",
    ];
    observed(home, &[&own, args].concat(), "metrics and probes are at ")
}

fn observed(home: &Home, args: &[&str], before_address: &str) -> Observed {
    let mut running = home.spawn(args);
    let mut log = running.stderr_lines();
    let line = log.wait_for(before_address);
    let (_, rest) = line.split_once(before_address).expect("it was found");
    let end = rest.find(['"', '\n']).unwrap_or(rest.len());
    let url = rest[..end].trim().to_owned();
    Observed { url, running, log }
}

impl Observed {
    /// What a scrape brings.
    pub async fn scrape(&self) -> Scrape {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Scrape::read(&text)
    }

    /// The status and the body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url)).await
    }
}

pub async fn get(url: &str) -> (u16, String) {
    // The provider of what encrypts is the process's to choose, though nothing here is encrypted.
    let _there_already = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_mins(1));
    let response = client.build().expect("a client").get(url).send().await;
    let response = response.expect("an answer");
    let status = response.status().as_u16();
    (status, response.text().await.expect("text"))
}

/// Waits for a condition, and fails with the last word when it does not come.
pub async fn eventually<T>(what: &str, mut holds: impl AsyncFnMut() -> Result<T, String>) -> T {
    let begun = std::time::Instant::now();
    loop {
        match holds().await {
            Ok(value) => return value,
            Err(word) if begun.elapsed() > DEADLINE => {
                panic!("waited too long until {what}: {word}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Jobs that complete, fail, are retried and can't be launched. Their ids.
pub fn jobs_of_every_kind(home: &Home) -> Vec<String> {
    let shell = |script: &str| home.submit(&["--", "sh", "-c", script]);
    let mut jobs = vec![
        shell("echo one"),
        shell("echo two; echo oh >&2"),
        shell("head -c 100000 /dev/zero"),
        shell("echo three >&2; exit 3"),
        home.submit(&["--", "/no/such/program"]),
    ];
    for codes in ["7", "any"] {
        jobs.push(home.submit(&[
            "--retry-exit-codes",
            codes,
            "--max-retries",
            "1",
            "--retry-strategy",
            "high_priority",
            "--",
            "sh",
            "-c",
            "echo again; exit 7",
        ]));
    }
    jobs
}
