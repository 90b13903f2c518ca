//! Jobs over HTTP: submitting, asking, reading what they wrote.

use longshore_core::access::Role;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseKey, OutputAppend};
use longshore_testkit::store::scene::Scene as Work;
use longshore_testkit::store::seed::Seed;
use reqwest::Method;
use reqwest::header::RANGE;
use serde_json::{Value, json};

use crate::scene::{Same, Scene};

/// Stores what a job wrote, and its end.
async fn write_and_complete(work: &Work, lease: LeaseKey, text: &str) {
    let stored = |seq, stream, position, bytes: &[u8]| OutputAppend {
        lease,
        seq,
        output: KeptOutput {
            stream,
            position,
            bytes: bytes.to_vec(),
        },
        resume: None,
    };
    let (head, tail) = text.as_bytes().split_at(text.len() / 2);
    let middle = u64::try_from(head.len()).expect("short");
    let appends = [
        stored(1, Stream::Stdout, 0, head),
        stored(2, Stream::Stderr, 0, b"oh"),
        stored(3, Stream::Stdout, middle, tail),
    ];
    work.store.append_output(&appends).await.expect("stored");
    work.settle(lease, TerminalState::Completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_repeated_with_its_key_answers_with_the_first_job() {
    let scene = Scene::open().await;
    let job = json!({"image": "busybox", "command": ["true"]});
    let submit = |key: &'static str, job: &Value| {
        let request = scene.request(Method::POST, "/api/v1/jobs").json(job);
        scene.send(request.header("Idempotency-Key", key))
    };
    let first = submit("nightly-7", &job).await;
    assert_eq!(
        (first.status.as_u16(), first.json()),
        (201, json!({"job": 1, "is_new": true}))
    );
    assert_eq!(first.headers["location"], "/api/v1/jobs/1");
    let again = submit("nightly-7", &job).await;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (200, json!({"job": 1, "is_new": false}))
    );
    let other = submit("nightly-7", &json!({"image": "alpine"})).await;
    assert_eq!(other.code(), "idempotency_key_reused");
    assert_eq!(other.json()["job"], 1);
    let two = json!({"image": "busybox", "idempotency_key": "own"});
    assert_eq!(submit("header", &two).await.code(), "invalid");
    let batch = json!({"jobs": [{"image": "a"}, {"image": "b", "idempotency_key": "own"}]});
    let mut first = None;
    for is_new in [true, false] {
        let request = scene
            .request(Method::POST, "/api/v1/jobs/batch")
            .json(&batch);
        let got = scene.send(request.header("Idempotency-Key", "many")).await;
        let got = got.json();
        let jobs = first.get_or_insert_with(|| [0, 1].map(|at| got["jobs"][at]["job"].clone()));
        let expected = jobs
            .clone()
            .map(|job| json!({"job": job, "is_new": is_new}));
        assert_eq!(got["jobs"], json!(expected));
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_by_its_field_and_nothing_is_submitted() {
    let scene = Scene::open().await;
    for (body, field) in [
        (json!({}), ""),
        (json!({"image": "busybox", "priorty": 5}), "priorty"),
        (json!({"image": "busybox", "priority": 101}), "priority"),
        (
            json!({"image": "busybox", "mounts": [{"type": "bind"}]}),
            "mounts[0]",
        ),
        (json!({"image": "busybox", "env": {"A": 1}}), "env.A"),
    ] {
        let got = scene.post("/api/v1/jobs", &body).await;
        assert_eq!(got.code(), "invalid", "{body}");
        let named = got.json()["field"].as_str().expect("a field").to_owned();
        assert!(named.starts_with(field), "{body}: {named}");
    }
    let batch = json!({"jobs": [{"image": "a"}, {"image": "b", "cpus": -1}]});
    let got = scene.post("/api/v1/jobs/batch", &batch).await;
    assert_eq!(got.json()["field"], "jobs[1].cpus");
    for body in ["", "{", "{} {}", "\u{0}"] {
        let request = scene.request(Method::POST, "/api/v1/jobs").body(body);
        let got = scene
            .send(request.header("content-type", "application/json"))
            .await;
        assert_eq!(got.code(), "bad_request", "{body:?}");
    }
    let queue = scene
        .post("/api/v1/jobs", &json!({"image": "a", "queue": "defualt"}))
        .await;
    assert_eq!(queue.code(), "unknown_queue");
    assert_eq!(queue.json()["hint"], "did you mean \"default\"?");
    assert_eq!(scene.store.newest_job().await.expect("a store"), None);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_asked_of_every_job_that_fits_after_a_dry_run() {
    let scene = Scene::open().await;
    let operator = scene.token(Role::Operator).await;
    for team in ["search", "ads", "search", "search"] {
        let job = json!({"image": "busybox", "labels": {"team": team}});
        assert_eq!(scene.post("/api/v1/jobs", &job).await.status, 201);
    }
    let bulk = |body: Value| {
        let (scene, operator) = (&scene, &operator);
        async move {
            scene
                .ask(operator, Method::POST, "/api/v1/jobs/bulk", &body)
                .await
        }
    };
    let filter = json!({"label": ["team=search"]});
    let dry = json!({"action": "cancel", "filter": filter, "dry_run": true});
    let expected = json!({"done": [1, 3, 4], "moved_on": [], "failed": [], "next": null});
    assert_eq!(bulk(dry).await.json(), expected);
    assert_eq!(scene.get("/api/v1/jobs/1").await.json()["state"], "queued");
    let wet = json!({"action": "cancel", "filter": filter});
    assert_eq!(bulk(wet.clone()).await.json(), expected);
    assert_eq!(
        scene.get("/api/v1/jobs/1").await.json()["state"],
        "cancelled"
    );
    let nothing = json!({"done": [], "moved_on": [], "failed": [], "next": null});
    assert_eq!(bulk(wet).await.json(), nothing, "again does nothing twice");
    let page = json!({"action": "hold", "filter": {"limit": 1}});
    assert_eq!(bulk(page).await.json()["done"], json!([2]));
    for (body, field) in [
        (json!({"action": "priority", "filter": {}}), "priority"),
        (
            json!({"action": "hold", "priority": 5, "filter": {}}),
            "priority",
        ),
        (
            json!({"action": "retry", "filter": {"state": ["queued"]}}),
            "filter.state",
        ),
        (json!({"action": "retry"}), ""),
    ] {
        let got = bulk(body.clone()).await;
        assert_eq!(got.code(), "invalid", "{body}");
        assert_eq!(got.json()["field"], field, "{body}");
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_jobs_json_is_its_result_and_its_output_is_read_whole_and_in_ranges() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let written: [(&str, &[u8]); 3] = [
        ("{\"rows\": 3}\n", b"{\"rows\": 3}\n"),
        ("no json", b"no json"),
        ("", b""),
    ];
    for (text, bytes) in written {
        let lease = work.running(Seed::job()).await;
        write_and_complete(&work, lease, text).await;
        let path = format!("/api/v1/jobs/{}", lease.job);
        let result = scene.get(&format!("{path}/result")).await;
        match serde_json::from_str::<Value>(text) {
            Ok(expected) => {
                assert_eq!(result.json(), expected);
                assert_eq!(scene.get(&path).await.json()["result"], expected);
            }
            Err(_) => assert_eq!(result.code(), "no_result"),
        }
        let whole = scene.get(&format!("{path}/stdout")).await;
        assert_eq!((whole.status.as_u16(), &whole.body[..]), (200, bytes));
        let part = scene
            .request(Method::GET, &format!("{path}/stdout"))
            .header(RANGE, "bytes=1-2");
        let part = scene.send(part).await;
        if bytes.is_empty() {
            assert_eq!(part.code(), "range_not_satisfiable");
        } else {
            assert_eq!((part.status.as_u16(), &part.body[..]), (206, &bytes[1..3]));
        }
    }
    let waiting = scene
        .post("/api/v1/jobs", &json!({"image": "busybox"}))
        .await
        .json();
    let path = format!("/api/v1/jobs/{}/result", waiting["job"]);
    assert_eq!(scene.get(&path).await.code(), "no_result");
    assert_eq!(
        scene.get("/api/v1/jobs/999/result").await.code(),
        "unknown_job"
    );
    scene.close().await;
}
