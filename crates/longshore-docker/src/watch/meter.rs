//! What a container uses, sampled while it runs: an engine forgets it with the end.

use std::sync::{Mutex, PoisonError};

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use longshore_core::attempt::Usage;
use longshore_core::executor::ExecutorError;

use crate::engine::{Answer, Engine, short};

/// One sample; none if the container does not run.
pub(crate) async fn sample(engine: &Engine, id: &str) -> Result<Option<Usage>, ExecutorError> {
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
    Ok(Some(Usage {
        cpu_micros: Some(nanos / 1000),
        // Version 1 of control groups keeps the peak; with version 2 it is the largest sample.
        peak_memory_bytes: memory.max_usage.max(memory.usage),
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
