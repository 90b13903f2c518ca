//! What running containers use, over time.

use std::time::Duration;

use longshore_core::attempt::Usage;
use longshore_core::usage::{Sample, UsageSeries};

use crate::support::{Fault, Scene, Script, unavailable};

const SECOND: Duration = Duration::from_secs(1);

/// Enough to be worth a note.
fn sample() -> Sample {
    Sample {
        usage: Usage {
            cpu_micros: Some(1_000_000),
            peak_memory_bytes: None,
        },
        memory_bytes: Some(1 << 20),
    }
}

fn moments(series: &UsageSeries) -> Vec<u64> {
    let points = series.points().iter();
    points.map(|point| point.after_ms / 1000).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_job_uses_is_noted_every_five_seconds_and_nothing_of_a_short_one() {
    let scene = Scene::new();
    scene.executor.set_sample(sample());
    let short = scene.scripted(Script::runs_for(4 * SECOND));
    let long = scene.scripted(Script::runs_for(22 * SECOND));
    let report = scene.work().await;
    assert_eq!(report.completed, 2);
    assert_eq!(moments(&scene.store.usage(short)), [0; 0]);
    let series = scene.store.usage(long);
    assert_eq!(moments(&series), [5, 10, 15, 20]);
    assert_eq!(series.points()[0].memory_bytes, Some(1 << 20));
}

#[tokio::test(start_paused = true)]
async fn many_jobs_of_one_machine_are_all_looked_at() {
    let scene = Scene::new();
    scene.executor.set_sample(sample());
    let jobs: Vec<_> = (0..5)
        .map(|_| scene.scripted(Script::runs_for(12 * SECOND)))
        .collect();
    scene.work().await;
    for job in jobs {
        assert_eq!(moments(&scene.store.usage(job)), [5, 10], "job {job}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_gets_all_of_it_and_an_executor_that_measures_nothing_costs_nothing()
{
    let scene = Scene::new();
    scene.executor.set_sample(sample());
    let away = (0..3).map(|_| Fault::Before(unavailable()));
    scene.store.fault("note_usage", away);
    let job = scene.scripted(Script::runs_for(27 * SECOND));
    scene.work().await;
    assert_eq!(moments(&scene.store.usage(job)), [5, 10, 15, 20, 25]);

    scene.executor.set_sample(Sample::default());
    let job = scene.scripted(Script::runs_for(27 * SECOND));
    scene.work().await;
    assert_eq!(moments(&scene.store.usage(job)), [0; 0]);
}
