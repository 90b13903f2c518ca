//! The same is asked of many jobs.

use longshore_core::State;
use longshore_core::access::Role;
use longshore_core::state::TerminalState;
use longshore_testkit::store::scene::Scene as Work;
use longshore_testkit::store::seed::Seed;

use super::action;
use crate::scene::{Same, Scene};
use crate::visiting::{html, logged_in, seal};

#[tokio::test(flavor = "multi_thread")]
async fn all_that_fit_are_asked_after_it_was_said_how_many_and_what_comes_later_is_not() {
    let scene = Scene::by_tokens().await;
    let work = Work::open(&Same::of(&scene)).await;
    let running = work.running(Seed::job().label("team", "search")).await;
    work.settle(running, TerminalState::Completed).await;
    let jobs = work
        .submit_all((0..130).map(|_| Seed::job().label("team", "search")))
        .await;
    let other = work.submit(Seed::job()).await;
    let mut browser = logged_in(&scene, Role::Operator).await;
    let list = browser.get("/jobs?label=team%3Dsearch").await;
    assert!(html(&list).contains("name=\"label\" value=\"team=search\""));
    let asked = browser
        .get("/jobs/bulk?action=cancel&label=team%3Dsearch")
        .await;
    let page = html(&asked).to_owned();
    assert!(page.contains("<h1>Cancel 130 jobs?</h1>"), "{page}");
    assert_eq!(work.state(jobs[0]).await, State::Queued, "nothing was done");
    let late = work.submit(Seed::job().label("team", "search")).await;
    let sealed = seal(&page);
    let path = action(&page, "/jobs/bulk?");
    let refused = browser.form(&path, &[("seal", "x")]).await;
    assert_eq!(refused.status, 403);
    let mut got = browser.form(&path, &[("seal", &sealed)]).await;
    let is_all_at_once = html(&got).contains("130 jobs: cancelled");
    // Where that takes long, the rest is left to another press.
    while html(&got).contains("Go on with the rest") {
        let rest = action(html(&got), "/jobs/bulk?");
        got = browser.form(&rest, &[("seal", &sealed)]).await;
    }
    for job in jobs {
        assert_eq!(work.state(job).await, State::Cancelled, "{job}");
    }
    assert_eq!(work.state(other).await, State::Queued);
    assert_eq!(work.state(late).await, State::Queued);
    let log = scene.store.audit_log(None, 1).await.expect("a log");
    if is_all_at_once {
        assert_eq!(log[0].note.subject, "cancel of 130 jobs");
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_ones_alone_are_asked_for_whatever_can_be_asked_of_them() {
    let scene = Scene::by_tokens().await;
    let work = Work::open(&Same::of(&scene)).await;
    let jobs = work.submit_all(Seed::jobs(3)).await;
    let mut browser = logged_in(&scene, Role::Operator).await;
    let chosen = format!("job={}&job={}", jobs[0], jobs[2]);
    for (asked, said, state) in [
        ("hold", "2 jobs: on hold", State::Pending),
        ("priority", "2 jobs: moved", State::Pending),
        ("release", "2 jobs: queued", State::Queued),
        ("cancel", "2 jobs: cancelled", State::Cancelled),
    ] {
        let got = browser
            .get(&format!("/jobs/bulk?action={asked}&{chosen}"))
            .await;
        let page = html(&got).to_owned();
        let sealed = seal(&page);
        let mut form = vec![("seal", &*sealed)];
        if page.contains("name=\"priority\"") {
            form.push(("priority", "90"));
        }
        let got = browser.form(&action(&page, "/jobs/bulk?"), &form).await;
        assert!(html(&got).contains(said), "{asked}: {got:?}");
        assert_eq!(work.state(jobs[0]).await, state, "{asked}");
        assert_eq!(work.state(jobs[1]).await, State::Queued, "{asked}");
        assert_eq!(work.state(jobs[2]).await, state, "{asked}");
        let job = scene.store.show_job(jobs[2]).await.expect("a job");
        let priority = if asked == "hold" { 50 } else { 90 };
        if !state.is_terminal() {
            assert_eq!(job.summary.priority.get(), priority, "{asked}");
        }
    }
    let none = browser
        .get(&format!("/jobs/bulk?action=cancel&job={}", jobs[0]))
        .await;
    assert!(html(&none).contains("None of them can be asked for that"));
    let wrong = browser.get("/jobs/bulk?action=retry&state=completed").await;
    assert_eq!(wrong.status, 422);
    html(&wrong);
    let mut submitter = logged_in(&scene, Role::Submitter).await;
    let got = submitter.get("/jobs/bulk?action=cancel").await;
    assert_eq!(got.status, 403, "of one after another, yes");
    scene.close().await;
}
