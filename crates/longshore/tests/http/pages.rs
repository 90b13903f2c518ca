//! The dashboard's pages, as requests: who sees them, what they hold, and what their forms may do.

use longshore_core::access::Role;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::OutputAppend;
use longshore_core::{JobId, State};
use longshore_testkit::store::scene::Scene as Work;
use longshore_testkit::store::seed::Seed;
use reqwest::header::{COOKIE, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::scene::{Same, Scene};
use crate::visiting::{Browser, html, logged_in, seal};

const PAGES: [&str; 11] = [
    "/",
    "/jobs",
    "/scheduled",
    "/queues",
    "/queues/default",
    "/workers",
    "/hosts",
    "/webhooks",
    "/hosts/1",
    "/jobs/1",
    "/submit",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_by_itself_and_may_load_nothing_from_elsewhere() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    work.running(Seed::job()).await;
    for path in PAGES {
        let got = scene.get(path).await;
        assert_eq!(got.status, 200, "{path}");
        let policy = got.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(got.headers["cache-control"], "no-store");
        let page = html(&got);
        for forbidden in [
            "<script>",
            " style=",
            " onclick=",
            "javascript:",
            "//cdn",
            "https://",
        ] {
            assert!(!page.contains(forbidden), "{path} has {forbidden}");
        }
        for needed in ["<html lang=\"en\">", "<h1>", "<main id=\"main\"", "</html>"] {
            assert!(page.contains(needed), "{path} lacks {needed}");
        }
        for asset in page.split("\"/assets/").skip(1) {
            let asset = asset.split('"').next().expect("a path");
            let got = scene.get(&format!("/assets/{asset}")).await;
            assert_eq!(got.status, 200, "{asset}");
        }
    }
    let missing = scene.get("/jobs/999").await;
    assert_eq!(missing.status, 404);
    assert!(html(&missing).contains("there is no job 999"));
    for bad in [
        "/jobs?label=nonsense",
        "/jobs?exit_code=x",
        "/jobs?queue=nowhere",
    ] {
        let got = scene.get(bad).await;
        assert!(got.status.is_client_error(), "{bad}: {got:?}");
        html(&got);
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_small_and_a_cookie_that_is_good_no_more_takes_nothing_away() {
    let scene = Scene::open().await;
    let mut browser = Browser::new(&scene);
    let sealed = seal(html(&browser.get("/login").await));
    let large = "x".repeat(100_000);
    let got = browser
        .form("/login", &[("seal", &sealed), ("token", &large)])
        .await;
    assert_eq!(got.status, 413);
    html(&got);
    let got = browser.form("/login", &[("token", "x")]).await;
    assert_eq!(got.status, 422, "without a seal");
    html(&got);
    let stale = scene
        .request(Method::GET, "/")
        .header(COOKIE, "longshore_session=lsh_1_gone");
    assert_eq!(scene.send(stale).await.status, 200);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jobs_are_called_and_what_they_write_is_text_on_every_page() {
    const EVIL: &str = "<script>alert(1)</script>\"'&";
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let seed = Seed::job().named("evil").label("team", EVIL);
    let mut spec = seed.spec_in(&work.queue.name);
    spec.command = vec!["sh".to_owned(), EVIL.to_owned()];
    let key = work.running(Seed::of(spec)).await;
    let append = OutputAppend {
        lease: key,
        seq: 1,
        output: KeptOutput {
            stream: Stream::Stdout,
            position: 0,
            bytes: format!("\x1b[31m{EVIL}").into_bytes(),
        },
        resume: None,
    };
    work.store.append_output(&[append]).await.expect("stored");
    for path in ["/", "/jobs", "/jobs/1", "/jobs?search=%3Cscript%3Ealert(1)"] {
        let got = scene.get(path).await;
        let page = html(&got);
        assert!(!page.contains("<script>alert"), "{path}");
    }
    let got = scene.get("/jobs/1").await;
    let page = html(&got);
    assert!(
        page.contains("<span class=\"fg1\">&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    work.settle(key, TerminalState::Completed).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_what_its_address_says() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let failed = work.running(Seed::job().named("one-that-failed")).await;
    work.settle(failed, TerminalState::Failed).await;
    work.submit_all(Seed::jobs(60)).await;
    let row = |page: &str, job: JobId| page.contains(&format!("id=\"job-{job}\""));
    let got = scene
        .get("/jobs?state=failed&search=&queue=&label=&exit_code=")
        .await;
    let page = html(&got);
    assert!(
        row(page, failed.job) && page.matches("id=\"job-").count() == 1,
        "{page}"
    );
    let got = scene.get("/jobs?state=queued").await;
    let page = html(&got);
    assert_eq!(page.matches("id=\"job-").count(), 50);
    let older = page
        .split("rel=\"next\" href=\"")
        .nth(1)
        .expect("others follow");
    let older = older
        .split('"')
        .next()
        .expect("an address")
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    let got = scene.get(&older).await;
    assert_eq!(html(&got).matches("id=\"job-").count(), 10, "{older}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_in_the_last_hour_is_drawn_and_said_and_what_is_due_is_listed() {
    let scene = Scene::open().await;
    let got = scene.get("/scheduled").await;
    assert!(html(&got).contains("No job waits for a time"));
    let work = Work::open(&Same::of(&scene)).await;
    for state in [TerminalState::Completed, TerminalState::Failed] {
        let key = work.running(Seed::job()).await;
        work.settle(key, state).await;
    }
    let now = scene.store.now().await.expect("a time");
    let later = Seed::job().due_at(now + std::time::Duration::from_hours(2));
    let due = work.submit(later).await;
    let got = scene.get("/").await;
    let page = html(&got);
    assert!(page.contains("1 completed, 1 failed; at most"), "{page}");
    assert_eq!(page.matches("<rect class=").count(), 2, "{page}");
    let got = scene.get("/scheduled").await;
    let page = html(&got);
    assert!(page.contains(&format!("id=\"job-{due}\"")), "{page}");
    assert!(page.contains("its time"), "{page}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_every_page_leads_to_the_login_and_back() {
    let scene = Scene::by_tokens().await;
    let work = Work::open(&Same::of(&scene)).await;
    work.submit(Seed::job()).await;
    for path in PAGES {
        let got = scene.get(path).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{path}");
        let place = got.headers[LOCATION].to_str().expect("text");
        assert_eq!(place, format!("/login?next={path}"));
    }
    let mut browser = Browser::new(&scene);
    let login = browser.get("/login?next=/jobs/1").await;
    let sealed = seal(html(&login));
    let wrong = browser
        .form(
            "/login",
            &[
                ("seal", &sealed),
                ("token", "lsh_1_wrong"),
                ("next", "/jobs/1"),
            ],
        )
        .await;
    assert_eq!(wrong.status, 401);
    assert!(html(&wrong).contains("this token is wrong"));
    let mut browser = logged_in(&scene, Role::Reader).await;
    for path in PAGES {
        let expected = if path == "/submit" { 403 } else { 200 };
        assert_eq!(browser.get(path).await.status, expected, "{path}");
    }
    // Scripts of a page ask the API by the same cookie; what changes something takes a token in its head.
    assert_eq!(browser.get("/api/v1/jobs").await.status, 200);
    let request = scene
        .request(Method::POST, "/api/v1/jobs/1/cancel")
        .json(&Value::Null);
    let got = scene.send(request.header(COOKIE, &browser.cookies)).await;
    assert_eq!(got.code(), "unauthenticated");
    let page = browser.get("/").await;
    let sealed = seal(html(&page));
    let left = browser.form("/logout", &[("seal", &sealed)]).await;
    assert_eq!(left.headers[LOCATION], "/login");
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_heeded_only_with_its_visitors_seal_and_what_was_done_is_written_down() {
    let scene = Scene::by_tokens().await;
    let work = Work::open(&Same::of(&scene)).await;
    let job = work.submit(Seed::job()).await;
    let path = format!("/jobs/{job}/cancel");
    let mut browser = logged_in(&scene, Role::Submitter).await;
    let mut other = logged_in(&scene, Role::Operator).await;
    let foreign = seal(html(&other.get(&format!("/jobs/{job}")).await));
    for bad in ["", "x", &foreign] {
        let got = browser.form(&path, &[("seal", bad)]).await;
        assert_eq!(got.status, 403, "{bad:?}");
    }
    let stranger = Browser::new(&scene)
        .form(&path, &[("seal", &foreign)])
        .await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER, "to the login");
    assert_eq!(work.state(job).await, State::Queued, "nothing was done");

    let asked = browser.get(&path).await;
    assert!(html(&asked).contains("Cancel the job"), "it asks first");
    assert_eq!(
        work.state(job).await,
        State::Queued,
        "to look at it does nothing"
    );
    let own = seal(html(&asked));
    let got = browser.form(&path, &[("seal", &own)]).await;
    assert_eq!(got.headers[LOCATION], format!("/jobs/{job}"));
    assert_eq!(work.state(job).await, State::Cancelled);
    let log = scene.store.audit_log(None, 10).await.expect("a log");
    let line = &log[0];
    assert_eq!(line.note.action, "POST /jobs/{id}/{action}");
    assert_eq!((&*line.note.who, line.note.status), ("submitter", 303));

    let job = work.submit(Seed::job()).await;
    let mut reader = logged_in(&scene, Role::Reader).await;
    let got = reader.get(&format!("/jobs/{job}")).await;
    let page = html(&got);
    assert!(
        !page.contains("Cancel…") && !page.contains(">Hold<"),
        "no buttons"
    );
    let own = seal(page);
    let got = reader
        .form(&format!("/jobs/{job}/cancel"), &[("seal", &own)])
        .await;
    assert_eq!(got.status, 403);
    assert_eq!(work.state(job).await, State::Queued);
    scene.close().await;
}
