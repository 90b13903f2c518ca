//! What collects the metrics of this process, and what renders them.

use std::time::Duration;

use longshore_core::metric::{Kind, Metric, Unit};
use longshore_server::ProcessMetrics;
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;

/// How often what histograms took in is put into their buckets: until then each value takes room.
const UPKEEP: Duration = Duration::from_secs(5);

/// What a process does whose metrics are collected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It takes jobs.
    Works,
    /// It answers over HTTP.
    Serves,
    /// Both.
    Both,
}

/// Collects the metrics of this process from now on. Once, inside the runtime, and before a store is
/// opened: what counts its calls looks for the collector then.
pub fn install(does: Does) -> anyhow::Result<ProcessMetrics> {
    let mut builder = PrometheusBuilder::new();
    for metric in of_process() {
        if let Kind::Histogram(bounds) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, bounds)?;
        }
    }
    let handle = builder.install_recorder()?;
    of_process().for_each(describe);
    longshore_queue::metrics::begin(env!("CARGO_PKG_VERSION"));
    if does != Does::Serves {
        longshore_queue::metrics::begin_working();
    }
    if does != Does::Works {
        longshore_server::metrics::begin();
    }
    tokio::spawn(keep_up(handle.clone()));
    Ok(ProcessMetrics::by(move || handle.render()))
}

/// Every metric that a process may collect.
fn of_process() -> impl Iterator<Item = &'static Metric> {
    let of_queue = longshore_queue::metrics::ALL.iter();
    of_queue.chain(longshore_server::metrics::OF_PROCESS)
}

fn describe(metric: &Metric) {
    let unit = match metric.unit {
        Unit::Count => metrics::Unit::Count,
        Unit::Seconds => metrics::Unit::Seconds,
        Unit::Bytes => metrics::Unit::Bytes,
    };
    let (name, meaning) = (metric.name, metric.meaning);
    match metric.kind {
        Kind::Counter => describe_counter!(name, unit, meaning),
        Kind::Gauge => describe_gauge!(name, unit, meaning),
        Kind::Histogram(_) => describe_histogram!(name, unit, meaning),
    }
}

async fn keep_up(handle: PrometheusHandle) {
    loop {
        sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}
