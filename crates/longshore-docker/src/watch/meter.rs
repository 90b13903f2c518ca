//! What a container uses, sampled while it runs: an engine forgets it with the end.

use std::sync::{Mutex, PoisonError};

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use longshore_core::attempt::Usage;
use longshore_core::executor::ExecutorError;
use longshore_core::usage::Sample;

use crate::engine::{Answer, Engine, short};

/// One sample; none if the container does not run.
pub(crate) async fn sample(engine: &Engine, id: &str) -> Result<Option<Sample>, ExecutorError> {
    let options = StatsOptionsBuilder::new()
        .stream(false)
        .one_shot(true)
        .build();
    let mut stats = Box::pin(engine.docker.stats(id, Some(options)));
    let call = async { stats.next().await.transpose() };
    let attempted = format!("measure container {}", short(id));
    let stats = match engine.call(attempted, call).await? {
        Answer::Done(Some(stats)) => stats,
        Answer::Done(None) | Answer::Absent(_) | Answer::Conflict(_) => return Ok(None),
    };
    let cpu = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage);
    let nanos = cpu.and_then(|cpu| cpu.total_usage).unwrap_or(0);
    let memory = stats.memory_stats.unwrap_or_default();
    if nanos == 0 {
        return Ok(None);
    }
    // As `docker stats` says it: without what the kernel keeps of files and could give back. The name is of
    // version 2 of control groups, then of version 1.
    let of = |name| {
        memory
            .stats
            .as_ref()
            .and_then(|stats| stats.get(name))
            .copied()
    };
    let idle_files = of("inactive_file").or(of("total_inactive_file"));
    let usage = Usage {
        cpu_micros: Some(nanos / 1000),
        // Version 1 of control groups keeps the peak; with version 2 it is the largest sample.
        peak_memory_bytes: memory.max_usage.max(memory.usage),
    };
    let now = |used: u64| used.saturating_sub(idle_files.unwrap_or(0));
    Ok(Some(Sample {
        usage,
        memory_bytes: memory.usage.map(now),
    }))
}

/// All that the samples of one container have shown.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Usage>);

impl Meter {
    /// Adds a sample; all that is known with it.
    pub fn add(&self, sample: Usage) -> Usage {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = merge(*known, sample);
        *known
    }

    pub fn read(&self) -> Usage {
        self.add(Usage::default())
    }
}

/// The later CPU time, the higher peak.
fn merge(earlier: Usage, later: Usage) -> Usage {
    Usage {
        cpu_micros: earlier.cpu_micros.max(later.cpu_micros),
        peak_memory_bytes: earlier.peak_memory_bytes.max(later.peak_memory_bytes),
    }
}
