//! Queues that nobody serves, workers of another version, hosts that are not well.

use longshore_core::Timestamp;
use longshore_core::host::Host;
use longshore_core::queue::QueueStats;
use longshore_core::store::{Finding, Severity, Store, StoreResult, Worker};

use super::found;
use crate::output::words;

/// This binary's version: workers of another one may not know what is new.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Looks at all of them.
pub(super) async fn findings(store: &dyn Store) -> StoreResult<Vec<Finding>> {
    let alive = store.workers(false).await?;
    let mut findings = vec![workers(&alive)];
    findings.extend(store.queue_stats().await?.iter().filter_map(unserved));
    let now = store.now().await?;
    for host in store.hosts().await? {
        findings.extend(unreached(&host, &alive, now).or_else(|| unwell(&host)));
    }
    Ok(findings)
}

fn workers(alive: &[Worker]) -> Finding {
    let seen = match alive.len() {
        0 => return found(Severity::Ok, "workers", "none is alive", ""),
        1 => "1 is alive".to_owned(),
        number => format!("{number} are alive"),
    };
    let others: Vec<String> = alive
        .iter()
        .filter(|worker| worker.version != VERSION)
        .map(|worker| format!("{} is of version {}", worker.name, worker.version))
        .collect();
    if others.is_empty() {
        return found(
            Severity::Ok,
            "workers",
            format!("{seen}, all of version {VERSION}"),
            "",
        );
    }
    let advice = "let every machine have the same version of longshore";
    found(
        Severity::Warning,
        "workers",
        format!("{seen}; {}", others.join(", ")),
        advice,
    )
}

fn unserved(stats: &QueueStats) -> Option<Finding> {
    let waiting = stats.counts.queue_depth;
    let name = &stats.queue.name;
    let subject = format!("queue {name}");
    if waiting.0 == 0 {
        return None;
    }
    if stats.queue.paused {
        let seen = format!("is paused, and {waiting} jobs wait in it");
        let advice = format!("`longshore queue resume {name}` lets it go on");
        return Some(found(Severity::Warning, &subject, seen, &advice));
    }
    (stats.workers == 0).then(|| {
        let seen = format!("no live worker serves it, and {waiting} jobs wait in it");
        let advice = format!("`longshore worker --queue {name}` serves it");
        found(Severity::Warning, &subject, seen, &advice)
    })
}

/// A host whose jobs nobody can look after: they keep its room, and the slots of their queues.
fn unreached(host: &Host, alive: &[Worker], now: Timestamp) -> Option<Finding> {
    let reaches = |worker: &Worker| worker.hosts.contains(&host.id);
    if host.used.slots == 0 || alive.iter().any(reaches) {
        return None;
    }
    let subject = format!("host {}", host.facts.name);
    let seen = format!(
        "no live worker reaches it, and {} jobs are on it; it was seen last {}",
        host.used.slots,
        words::time_and_age(host.last_seen_at, now),
    );
    let advice = "start a worker that reaches it, and it takes them over; until then their slots stay \
                  taken, and nothing of them is started elsewhere";
    Some(found(Severity::Warning, &subject, seen, advice))
}

fn unwell(host: &Host) -> Option<Finding> {
    let subject = format!("host {}", host.facts.name);
    if let Some(problem) = &host.problem {
        let seen = format!("the worker that looked last could not reach it: {problem}");
        let advice = "`longshore hosts test` on a machine that should reach it says more";
        return Some(found(Severity::Warning, &subject, seen, advice));
    }
    (!host.enabled && host.used.slots > 0).then(|| {
        let seen = format!("is disabled; {} jobs still run on it", host.used.slots);
        found(Severity::Ok, &subject, seen, "")
    })
}
