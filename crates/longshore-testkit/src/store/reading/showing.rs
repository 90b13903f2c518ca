//! One job, looked at closely.

use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, is_unknown_job};
use crate::store::seed::Seed;

pub async fn a_job_is_shown_in_each_state_with_what_belongs_to_it(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in State::ALL {
        let job = scene.job_in(state).await;
        let detail = scene.show(job).await;
        assert_eq!(detail.summary.state, state);
        assert_eq!(
            detail.summary.ended_at.is_some(),
            state.is_terminal(),
            "{state}"
        );
        let waits = !state.is_live() && !state.is_terminal();
        assert_eq!(detail.why_waiting.is_some(), waits, "{state}");
        let attempts = match state {
            State::Pending | State::Queued => 0,
            State::Retrying
            | State::Launching
            | State::Running
            | State::Completed
            | State::Failed
            | State::TimedOut
            | State::Cancelled => 1,
        };
        assert_eq!(detail.attempts_made.len(), attempts, "{state}");
        let live = detail
            .attempts_made
            .iter()
            .filter(|a| a.ended_at.is_none())
            .count();
        assert_eq!(live, usize::from(state.is_live()), "{state}");
        assert_eq!(
            detail.summary.due_at.is_some(),
            state == State::Retrying,
            "{state}"
        );
        assert!(!detail.cancel_requested, "{state}");
        let exit_code = match state {
            State::Completed => Some(0),
            State::Failed => Some(7),
            State::Retrying => Some(75),
            _ => None,
        };
        assert_eq!(detail.summary.exit_code, exit_code, "{state}");
    }
}

pub async fn states_are_answered_in_the_order_of_the_question(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut jobs = Vec::new();
    for state in State::ALL {
        jobs.push((scene.job_in(state).await, state));
    }
    jobs.rotate_left(4);
    jobs.push(jobs[0]);
    let (ids, states): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    assert_eq!(scene.store.states(&ids).await.expect("known jobs"), states);
    assert_eq!(scene.store.states(&[]).await.expect("nothing"), []);
}

pub async fn an_unknown_job_is_an_error_by_its_id(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let known = scene.submit(Seed::job()).await;
    for nobody in [JobId(0), JobId(-1), JobId(known.0 + 1), JobId(i64::MAX)] {
        assert!(
            is_unknown_job(&scene.store.show_job(nobody).await, nobody),
            "{nobody}"
        );
        let answer = scene.store.states(&[known, nobody]).await;
        assert!(is_unknown_job(&answer, nobody), "{nobody}: {answer:?}");
    }
}

pub async fn the_newest_job_is_the_last_one_submitted(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    assert_eq!(scene.store.newest_job().await.expect("newest"), None);
    for state in [State::Completed, State::Queued, State::Pending] {
        let job = scene.job_in(state).await;
        assert_eq!(scene.store.newest_job().await.expect("newest"), Some(job));
    }
}
