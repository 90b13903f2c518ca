//! The names that a run exports are those of the lists, each described, with the labels that it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use longshore_core::metric::{Kind, Metric};

use crate::scene::{Observed, eventually, jobs_of_every_kind, server, worker};
use crate::scrape::Scrape;
use crate::support::Home;

/// Every metric there is.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let of_queue = longshore_queue::metrics::ALL.iter();
    let of_server = longshore_server::metrics::OF_PROCESS.iter();
    of_queue
        .chain(of_server)
        .chain(longshore_server::metrics::OF_TABLES)
}

/// What a server and a worker export after jobs of every kind: the scrapes of both.
pub async fn scrapes_of_a_run(home: &Home) -> [Scrape; 2] {
    let (server, worker) = a_run(home).await;
    [server.scrape().await, worker.scrape().await]
}

async fn a_run(home: &Home) -> (Observed, Observed) {
    let jobs = jobs_of_every_kind(home);
    home.ok(&["queue", "limit", "local", "4"]);
    let (server, worker) = (
        server(home),
        worker(home, &["--heartbeat", "100ms", "--lease-ttl", "2s"]),
    );
    until_ended(home, &jobs).await;
    // Asked twice, so that a scrape shows those before it; and what is refused.
    assert_eq!(server.get("/api/v1/jobs/999").await.0, 404);
    assert_eq!(server.get("/no/such/path/12345").await.0, 404);
    eventually("a heartbeat is answered", async || {
        let scrape = worker.scrape().await;
        let answered = scrape.sum("longshore_heartbeats_total", &[("outcome", "answered")]);
        (answered > 0.0).then_some(()).ok_or_else(String::new)
    })
    .await;
    (server, worker)
}

async fn until_ended(home: &Home, jobs: &[String]) {
    for job in jobs {
        eventually(&format!("job {job} has ended"), async || {
            let state = home.state(job);
            let has_ended = ["completed", "failed"].contains(&state.as_str());
            has_ended.then_some(()).ok_or(state)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_exports_every_metric_of_the_lists_described_and_no_other_of_ours() {
    let home = Home::new();
    let scrapes = scrapes_of_a_run(&home).await;
    let listed: BTreeMap<&str, &Metric> = all().map(|metric| (metric.name, metric)).collect();
    let mut exported = BTreeSet::new();
    for scrape in &scrapes {
        for sample in &scrape.samples {
            let name = scrape.metric_of(sample);
            let metric = listed.get(name);
            let metric = metric.unwrap_or_else(|| panic!("{name} is on no list"));
            assert!(scrape.described.contains(name), "{name} is not described");
            assert_eq!(
                scrape.kinds.get(name).map(String::as_str),
                Some(metric.kind.as_str())
            );
            let mut labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            if matches!(metric.kind, Kind::Histogram(_)) {
                labels.remove("le");
            }
            let declared: BTreeSet<&str> = metric.labels.iter().copied().collect();
            assert_eq!(labels, declared, "{sample:?}");
            exported.insert(metric.name);
        }
    }
    let missing: Vec<&&str> = listed
        .keys()
        .filter(|name| !exported.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no run exports these: {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_jobs_make_no_more_series_and_no_label_names_one() {
    let home = Home::new();
    let (server, worker) = a_run(&home).await;
    let before = [server.scrape().await, worker.scrape().await];
    let more = [jobs_of_every_kind(&home), jobs_of_every_kind(&home)].concat();
    until_ended(&home, &more).await;
    for job in &more {
        assert_eq!(server.get(&format!("/api/v1/jobs/{job}")).await.0, 200);
    }
    let after = [server.scrape().await, worker.scrape().await];
    let own = "longshore_http_request";
    for (before, after) in before.iter().zip(&after) {
        let before = before.series();
        // Asking for these jobs, and for a scrape, made one route each.
        let new: Vec<String> = after.series().difference(&before).cloned().collect();
        let of_verbs = |series: &&String| series.starts_with("longshore_database_call");
        let of_routes = |series: &&String| series.starts_with(own);
        let others = new
            .iter()
            .filter(|series| !of_verbs(series) && !of_routes(series));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
        for sample in after.samples_of_ours() {
            for (label, value) in &sample.labels {
                let is_bound = label == "le" || label == "version";
                let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
                let is_fine =
                    is_bound || !has_digit || ["status", "route"].contains(&label.as_str());
                assert!(is_fine, "{sample:?}");
                assert!(
                    !value.contains("12345"),
                    "a path as it was sent: {sample:?}"
                );
            }
            if let Some(route) = sample.labels.get("route") {
                let is_template = !route
                    .replace("/api/v1", "")
                    .bytes()
                    .any(|b| b.is_ascii_digit());
                assert!(is_template, "{route}");
            }
        }
    }
}

impl Scrape {
    fn samples_of_ours(&self) -> impl Iterator<Item = &crate::scrape::Sample> {
        self.samples
            .iter()
            .filter(|s| s.name.starts_with("longshore_"))
    }
}

/// The tables of `docs/metrics.md`, of what a process counts and of what the tables say.
#[test]
fn the_reference_is_written_from_the_lists() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let reference = fs::read_to_string(&at).expect("the page is there");
    let of_tables: Vec<String> = longshore_server::metrics::OF_TABLES
        .iter()
        .map(Metric::row)
        .collect();
    let of_process: Vec<String> = all().map(Metric::row).collect();
    let of_process = of_process[..of_process.len() - of_tables.len()].to_vec();
    let mut tables = [of_process, of_tables].into_iter();
    let mut page = Vec::new();
    for line in reference
        .lines()
        .filter(|line| !line.starts_with("| `longshore_"))
    {
        page.push(line.to_owned());
        if line == "|---|---|---|---|---|" {
            page.extend(tables.next().expect("the page has two tables"));
        }
    }
    let page = page.join("\n") + "\n";
    assert_eq!(tables.next(), None, "a table's head is missing");
    if std::env::var_os("LONGSHORE_WRITE_METRICS").is_some() {
        fs::write(&at, &page).expect("the page can be written");
        return;
    }
    assert!(
        reference == page,
        "docs/metrics.md is not what the lists say: LONGSHORE_WRITE_METRICS=1 cargo test -p longshore --test \
         metrics reference"
    );
}
