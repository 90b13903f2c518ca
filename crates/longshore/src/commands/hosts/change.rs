//! What people say of a host: enabled or not, labels, capacity, weight.

use std::collections::BTreeMap;

use longshore_core::host::{Host, HostChange, millicpus};
use longshore_core::spec::parse_bytes;

use super::named;
use crate::args::LabelArg;
use crate::commands::confirm;
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// A bound, or the word that takes it away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound<T>(Option<T>);

#[derive(clap::Args, Debug)]
#[group(id = "what", multiple = true)]
pub struct Set {
    /// Its name or id
    host: String,
    /// The most jobs at once, or none
    #[arg(long, value_name = "NUMBER", value_parser = slots)]
    slots: Option<Bound<u32>>,
    /// The most memory of all its jobs together, such as 32g, or none
    #[arg(long, short, value_name = "SIZE", value_parser = memory)]
    memory: Option<Bound<u64>>,
    /// The most CPUs of all its jobs together, such as 7.5, or none
    #[arg(long, value_name = "NUMBER", value_parser = cpu_count)]
    cpus: Option<Bound<u64>>,
    /// Its share of the jobs beside other hosts; 1 when nobody said otherwise, 0 for only what no
    /// other takes
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    weight: Option<i32>,
}

fn slots(text: &str) -> Result<Bound<u32>, String> {
    bound(text, |text| {
        text.parse().map_err(|_| "a number, or none".to_owned())
    })
}

fn memory(text: &str) -> Result<Bound<u64>, String> {
    bound(text, |text| {
        parse_bytes(text).map_err(|error| error.to_string())
    })
}

fn cpu_count(text: &str) -> Result<Bound<u64>, String> {
    bound(text, |text| match text.parse::<f64>() {
        Ok(cpus) if cpus > 0.0 && cpus <= 1_000_000.0 => Ok(millicpus(cpus)),
        Ok(_) | Err(_) => Err("a number above 0, or none".to_owned()),
    })
}

fn bound<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Bound<T>, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    parse(text).map(|value| Bound(Some(value)))
}

/// Lets a host get jobs, or none.
pub async fn enabled(context: &mut Context, host: &str, enabled: bool) -> anyhow::Result<()> {
    let change = HostChange {
        enabled: Some(enabled),
        ..HostChange::default()
    };
    make(context, host, &change).await
}

/// Sets labels.
pub async fn labels(
    context: &mut Context,
    host: &str,
    labels: Vec<LabelArg>,
) -> anyhow::Result<()> {
    let labels: BTreeMap<_, _> = labels
        .into_iter()
        .map(|label| (label.key, label.value))
        .collect();
    let change = HostChange {
        labels,
        ..HostChange::default()
    };
    make(context, host, &change).await
}

/// Sets capacity and weight.
pub async fn set(context: &mut Context, args: Set) -> anyhow::Result<()> {
    let Set {
        host,
        slots,
        memory,
        cpus,
        weight,
    } = args;
    let change = HostChange {
        slots: slots.map(|Bound(slots)| slots),
        memory_bytes: memory.map(|Bound(bytes)| bytes),
        millicpus: cpus.map(|Bound(millis)| millis),
        weight,
        ..HostChange::default()
    };
    if change == HostChange::default() {
        return Err(Refused::usage("nothing is to be set")
            .hint("--slots, --memory, --cpus and --weight say what")
            .into());
    }
    make(context, &host, &change).await
}

/// A person's word that it is gone for good.
pub(super) async fn forget(context: &mut Context, host: &str, yes: bool) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let host = named(&*store, host).await?;
    let jobs = host.used.slots;
    let what = format!(
        "give up {}, with {jobs} {} on it",
        host.facts.name,
        if jobs == 1 { "job" } else { "jobs" },
    );
    if !yes && !confirm::ask(&what, "--yes does it without asking")? {
        return Ok(Exit::FAILED);
    }
    let forgotten = store.forget_host(host.id).await?;
    context.out.line(&format!(
        "{}: gone; {jobs} to run again, once a worker serves their queues",
        forgotten.facts.name
    ))?;
    Ok(Exit::DONE)
}

async fn make(context: &mut Context, host: &str, change: &HostChange) -> anyhow::Result<()> {
    change
        .validate()
        .map_err(|error| Refused::usage(error.to_string()))?;
    let store = context.store().await?;
    let host = named(&*store, host).await?;
    let changed = store.change_host(host.id, change).await?;
    context.out.line(&sentence(&changed))
}

/// How a host stands after a change.
fn sentence(host: &Host) -> String {
    let capacity = host.capacity;
    let mut parts = vec![super::state_of(host).to_owned()];
    parts.extend(capacity.slots.map(|slots| format!("at most {slots} jobs")));
    let memory = capacity
        .memory_bytes
        .map(longshore_core::spec::format_bytes);
    parts.extend(memory.map(|memory| format!("{memory} of memory")));
    parts.extend(
        capacity
            .millicpus
            .map(|millis| format!("{} CPUs", cpus(millis))),
    );
    parts.push(format!("weight {}", host.weight));
    let labels = super::labels_of(host);
    parts.extend((!labels.is_empty()).then_some(labels));
    format!("{}: {}", host.facts.name, parts.join(", "))
}

/// Thousandths as people write CPUs: 1.5.
pub fn cpus(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_numbers_or_none() {
        assert_eq!(slots("none"), Ok(Bound(None)));
        assert_eq!(slots("8"), Ok(Bound(Some(8))));
        assert_eq!(memory("2g"), Ok(Bound(Some(2 << 30))));
        assert_eq!(cpu_count("1.5"), Ok(Bound(Some(1500))));
        for text in ["", "-1", "0", "NaN", "inf", "many"] {
            assert!(cpu_count(text).is_err(), "{text}");
        }
    }
}
