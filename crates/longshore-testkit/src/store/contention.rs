//! Many at once, through several handles: the promises that only a race can break (S1, S3, S7).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use longshore_core::limit::Limit;
use longshore_core::state::TerminalState;
use longshore_core::store::{AcquireRequest, FinishOutcome, LeaseKey};
use longshore_core::{JobId, State};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::StoreHarness;
use super::race::all_at_once;
use super::scene::{Scene, record_for};
use super::seed::Seed;
use crate::wait::{PATIENCE, eventually};

const COMPLETED: TerminalState = TerminalState::Completed;

/// As many scenes of one queue as asked for, each with a handle and a worker of its own.
async fn crew(h: &dyn StoreHarness, first: Scene, size: usize) -> Vec<Arc<Scene>> {
    let mut scenes = vec![];
    for _ in 1..size {
        scenes.push(Arc::new(first.twin(h).await));
    }
    scenes.insert(0, Arc::new(first));
    scenes
}

/// Counts what is live, from outside: raised after an acquisition was answered, lowered before a
/// finish is asked for. So it never counts more than there are leases, and a count above a limit
/// is a breach beyond doubt.
#[derive(Default)]
struct Witness {
    live: AtomicUsize,
    most: AtomicUsize,
}

impl Witness {
    fn started(&self, count: usize) {
        let live = self.live.fetch_add(count, Ordering::SeqCst) + count;
        self.most.fetch_max(live, Ordering::SeqCst);
    }

    fn ends(&self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

pub async fn eight_tasks_drain_a_thousand_jobs_each_exactly_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = scene.submit_all(Seed::jobs(1000)).await;
    let crew = crew(h, scene, 4).await;
    let drains = all_at_once(crew.iter().chain(&crew).cloned(), |scene| async move {
        let mut acquired: Vec<LeaseKey> = Vec::new();
        loop {
            let leases = scene.acquire(7).await;
            if leases.is_empty() {
                return acquired;
            }
            acquired.extend(leases.iter().map(|lease| lease.key));
        }
    })
    .await;
    for drain in &drains {
        let ids: Vec<JobId> = drain.iter().map(|key| key.job).collect();
        assert!(
            ids.is_sorted(),
            "first queued, first acquired, as each of them saw it"
        );
    }
    let mut claimed: Vec<LeaseKey> = drains.concat();
    claimed.sort_unstable();
    let ids: Vec<JobId> = claimed.iter().map(|key| key.job).collect();
    assert!(
        ids == jobs,
        "claimed {} of {}: the sets differ",
        ids.len(),
        jobs.len()
    );
    let mut tokens: Vec<_> = claimed.iter().map(|key| key.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 1000, "no token was drawn twice");
}

pub async fn a_limit_is_reached_and_never_passed_while_jobs_end(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 3).await;
    let jobs = scene.submit_all(Seed::jobs(120)).await;
    let crew = crew(h, scene, 4).await;
    let most = drain_with_witness(&crew, jobs.len(), |scene| scene.request(5)).await;
    assert_eq!(most, 3, "the limit is reached, and never passed");
    let states = crew[0].store.states(&jobs).await.expect("states");
    assert!(
        states.iter().all(|state| *state == State::Completed),
        "{states:?}"
    );
}

pub async fn the_limit_of_calls_is_reached_and_never_passed_while_jobs_end(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = scene.submit_all(Seed::jobs(120)).await;
    let crew = crew(h, scene, 4).await;
    let limited = |scene: &Scene| AcquireRequest {
        max_concurrent: Some(Limit(3)),
        ..scene.request(5)
    };
    let most = drain_with_witness(&crew, jobs.len(), limited).await;
    assert_eq!(most, 3, "the limit is reached, and never passed");
}

/// Eight tasks acquire, linger and finish until `total` jobs have ended; the most that were live.
async fn drain_with_witness(
    crew: &[Arc<Scene>],
    total: usize,
    request: impl Fn(&Scene) -> AcquireRequest + Copy + Send + Sync + 'static,
) -> usize {
    let witness = Arc::new(Witness::default());
    let ended = Arc::new(AtomicUsize::new(0));
    let deadline = Instant::now() + 2 * PATIENCE;
    all_at_once(crew.iter().chain(crew).cloned(), |scene| {
        let (witness, ended) = (Arc::clone(&witness), Arc::clone(&ended));
        async move {
            while ended.load(Ordering::SeqCst) < total {
                assert!(
                    Instant::now() < deadline,
                    "{ended:?} of {total} jobs ended in time"
                );
                let answer = scene.store.acquire(request(&scene)).await;
                let leases = answer.expect("acquire").leases;
                witness.started(leases.len());
                for lease in leases {
                    // Long enough that slots are fought for.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    witness.ends();
                    scene.settle(lease.key, COMPLETED).await;
                    ended.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    })
    .await;
    assert_eq!(ended.load(Ordering::SeqCst), total, "each job ended once");
    witness.most()
}

pub async fn a_limit_that_changes_all_the_time_is_never_passed(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 1).await;
    let mut crew = Vec::new();
    for _ in 0..4 {
        crew.push(Arc::new(scene.sharing_worker(h).await));
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    workers.spawn({
        let done = Arc::clone(&done);
        all_at_once(crew, move |scene| {
            let done = Arc::clone(&done);
            async move {
                while !done.load(Ordering::SeqCst) {
                    scene.submit_all(Seed::jobs(4)).await;
                    for lease in scene.acquire(4).await {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        scene.settle(lease.key, COMPLETED).await;
                    }
                }
            }
        })
    });
    // One statement, so it sees one instant; every lease of the queue is this worker's.
    let live = async || {
        scene
            .store
            .leases_of(scene.worker)
            .await
            .expect("leases")
            .len()
    };
    for limit in [5, 2, 4, 1, 6, 0, 3].into_iter().cycle().take(21) {
        scene.set_limit(Some(limit)).await;
        // Between two changes the leases only fall until they are within a lowered limit, and
        // from there on never pass it.
        let limit = usize::try_from(limit).expect("small");
        let mut bound = usize::MAX;
        for _ in 0..10 {
            let live = live().await;
            assert!(
                live <= bound,
                "{live} live under limit {limit}, at most {bound} may be"
            );
            bound = live.max(limit);
        }
    }
    eventually("the last limit, 3, is reached", async || {
        (live().await == 3).then_some(())
    })
    .await;
    done.store(true, Ordering::SeqCst);
    while let Some(worker) = workers.join_next().await {
        worker.expect("no worker saw an error");
    }
}

pub async fn jobs_of_one_submitter_are_acquired_in_its_order(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let crew = crew(h, scene, 4).await;
    let submitting = Arc::new(AtomicUsize::new(crew.len()));
    let mut submitters = JoinSet::new();
    submitters.spawn({
        let submitting = Arc::clone(&submitting);
        all_at_once(crew.clone(), move |scene| {
            let submitting = Arc::clone(&submitting);
            async move {
                let mut stream = Vec::new();
                for n in 0..30 {
                    stream.extend(scene.submit_all(Seed::jobs(1 + n % 3)).await);
                }
                submitting.fetch_sub(1, Ordering::SeqCst);
                stream
            }
        })
    });
    // One acquirer at a time, so that the order of its answers is the order of acquisition.
    let reader = crew[0].twin(h).await;
    let mut acquired = Vec::new();
    loop {
        let still_submitting = submitting.load(Ordering::SeqCst) > 0;
        let ids = reader.acquire_ids(5).await;
        if ids.is_empty() && !still_submitting {
            break;
        }
        acquired.extend(ids);
    }
    let places: BTreeMap<JobId, usize> = acquired.iter().copied().zip(0..).collect();
    assert_eq!(places.len(), acquired.len(), "none was acquired twice");
    for stream in submitters.join_all().await.concat() {
        let order: Vec<usize> = stream.iter().map(|job| places[job]).collect();
        assert!(
            order.is_sorted(),
            "{stream:?} were acquired in the order {order:?}"
        );
    }
}

pub async fn every_verb_at_once_leaves_every_job_in_one_place(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 4).await;
    let crew = crew(h, scene, 4).await;
    let jobs = crew[0].submit_all(Seed::jobs(40)).await;
    let jobs = Arc::new(jobs);
    all_at_once(crew.iter().cloned().zip(0usize..), |(scene, seat)| {
        let jobs = Arc::clone(&jobs);
        async move {
            for step in 0..60 {
                let job = jobs[(seat * 17 + step * 7) % jobs.len()];
                jostle(&scene, job, seat + step).await;
            }
        }
    })
    .await;
    super::rest::assert_at_rest(&*crew[0].store).await;
}

/// One verb on one job, whatever its state: what is not allowed is refused, all else is a defect.
async fn jostle(scene: &Scene, job: JobId, step: usize) {
    use longshore_core::Priority;
    use longshore_core::disposition::Disposition;
    let may_be_refused = |result: longshore_core::store::StoreResult<()>| {
        if let Err(error) = result {
            assert!(
                !error.is_systems_fault(),
                "step {step} on job {job}: {error:?}"
            );
        }
    };
    match step % 8 {
        0 => may_be_refused(scene.store.dequeue_job(job).await),
        1 => may_be_refused(scene.store.queue_job(job).await),
        2 => may_be_refused(scene.store.reprioritise(job, Priority::HIGH).await),
        3 => may_be_refused(scene.store.request_cancel(job).await.map(drop)),
        4 => may_be_refused(scene.store.retry_job(job).await),
        5 => may_be_refused(scene.store.stage_due(10).await.map(drop)),
        _ => {
            let ways = [
                Disposition::Settle(TerminalState::Failed),
                Disposition::HandBack,
                Disposition::RetryAfter(Duration::from_millis(1)),
                Disposition::Settle(COMPLETED),
            ];
            let then = ways[step / 8 % ways.len()];
            for lease in scene.acquire(2).await {
                let outcome = scene.finish(lease.key, record_for(then), then).await;
                // Another may have cancelled it meanwhile.
                let is_done = matches!(outcome, FinishOutcome::Finished | FinishOutcome::Cancelled);
                assert!(is_done, "step {step}: {outcome:?}");
            }
        }
    }
}
