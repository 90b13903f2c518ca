//! Lists of jobs, page by page.

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::JobFilter;
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::rest::every_job;
use crate::store::scene::{LATER, Scene};
use crate::store::seed::Seed;

/// Jobs in every state, twice, mixed; newest last.
pub(super) async fn mixed(scene: &Scene) -> Vec<(JobId, State)> {
    let mut jobs = Vec::new();
    for state in State::ALL.into_iter().chain(State::ALL.into_iter().rev()) {
        jobs.push((scene.job_in(state).await, state));
    }
    jobs
}

pub async fn jobs_are_listed_newest_first_whatever_their_states(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut jobs = mixed(&scene).await;
    jobs.reverse();
    let filter = JobFilter {
        limit: 100,
        ..JobFilter::default()
    };
    let page = scene.store.list_jobs(&filter).await.expect("a page");
    let listed: Vec<_> = page.jobs.iter().map(|job| (job.id, job.state)).collect();
    assert_eq!(listed, jobs);
    assert_eq!(page.next, None);
}

pub async fn paging_meets_every_job_exactly_once_at_any_page_size(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut jobs: Vec<JobId> = mixed(&scene)
        .await
        .into_iter()
        .map(|(job, _)| job)
        .collect();
    jobs.reverse();
    let total = u32::try_from(jobs.len()).expect("few");
    let every_state = State::ALL.to_vec();
    for states in [vec![], every_state] {
        for limit in [1, 2, 5, total - 1, total, total + 1] {
            let mut filter = JobFilter {
                limit,
                states: states.clone(),
                ..JobFilter::default()
            };
            let mut met = Vec::new();
            for _ in 0..=jobs.len() {
                let page = scene.store.list_jobs(&filter).await.expect("a page");
                assert!(page.jobs.len() <= usize::try_from(limit).expect("small"));
                met.extend(page.jobs.iter().map(|job| job.id));
                filter.before = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            assert_eq!(met, jobs, "{limit} at a time, states {states:?}");
        }
    }
}

pub async fn pages_have_a_largest_size(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let most = usize::try_from(JobFilter::MAX_PAGE).expect("small");
    let mut jobs = scene.submit_all(Seed::jobs(most + 5)).await;
    jobs.reverse();
    let filter = JobFilter {
        limit: u32::MAX,
        ..JobFilter::default()
    };
    let page = scene.store.list_jobs(&filter).await.expect("a page");
    assert_eq!(page.jobs.len(), most);
    assert!(page.next.is_some(), "more follow");
    let met: Vec<_> = every_job(&*scene.store)
        .await
        .iter()
        .map(|job| job.id)
        .collect();
    assert!(met == jobs, "all are met in the end");
}

pub async fn a_page_of_none_has_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = scene.submit_all(Seed::jobs(2)).await;
    let none = JobFilter {
        limit: 0,
        ..JobFilter::default()
    };
    let page = scene.store.list_jobs(&none).await.expect("a page");
    assert_eq!(page.jobs.len(), 1, "whoever pages gets on");
    assert_eq!(page.next, Some(jobs[1]));
}

pub async fn jobs_that_move_between_two_pages_are_not_met_twice(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = scene.submit_all(Seed::jobs(6)).await;
    let filter = JobFilter {
        limit: 3,
        ..JobFilter::default()
    };
    let first = scene.store.list_jobs(&filter).await.expect("a page");
    for lease in scene.acquire(6).await {
        scene
            .end(lease.key, Disposition::Settle(TerminalState::Completed))
            .await;
    }
    scene.submit_all(Seed::jobs(3)).await;
    let second = JobFilter {
        before: first.next,
        ..filter
    };
    let second = scene.store.list_jobs(&second).await.expect("a page");
    let met: Vec<_> = first
        .jobs
        .iter()
        .chain(&second.jobs)
        .map(|job| job.id)
        .collect();
    let expected: Vec<_> = jobs.into_iter().rev().collect();
    assert_eq!(met, expected);
}

pub async fn a_summary_says_the_same_in_a_list_as_alone(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    scene
        .submit(Seed::job().named("later").label("a", "b").due_at(due))
        .await;
    mixed(&scene).await;
    for summary in every_job(&*scene.store).await {
        assert_eq!(scene.show(summary.id).await.summary, summary);
    }
}
