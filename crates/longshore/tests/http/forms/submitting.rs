//! A job is typed in.

use longshore_core::access::Role;
use longshore_core::{JobId, Priority};

use super::{hidden, led_to};
use crate::scene::Scene;
use crate::visiting::{html, logged_in, seal};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_typed_into_a_form_and_a_form_that_is_sent_twice_is_one_job() {
    let scene = Scene::by_tokens().await;
    let mut browser = logged_in(&scene, Role::Submitter).await;
    let got = browser.get("/submit").await;
    let page = html(&got);
    let (sealed, once) = (seal(page), hidden(page, "once"));
    let form = [
        ("seal", &*sealed),
        ("once", &*once),
        ("image", "busybox"),
        ("command", "sh -c 'echo \"a b\"; exit 3'"),
        ("priority", "70"),
        ("labels", "team=search\r\nkind=a=b\r\n"),
        ("env", "PASSWORD=hunter2"),
        ("secret_env", "PASSWORD"),
        ("more", "{\"user\": \"1000\"}"),
    ];
    for time in ["first", "again"] {
        let got = browser.form("/submit", &form).await;
        assert_eq!(led_to(&got), "/jobs/1", "{time}");
    }
    let job = scene.store.show_job(JobId(1)).await.expect("a job");
    assert_eq!(job.spec.command, ["sh", "-c", "echo \"a b\"; exit 3"]);
    assert_eq!(job.spec.labels["kind"], "a=b");
    assert_eq!(job.spec.user.as_deref(), Some("1000"));
    assert_eq!(job.spec.env["PASSWORD"].reveal(), "hunter2");
    assert_eq!(job.summary.priority, Priority::new(70).expect("a priority"));
    let shown = browser.get("/jobs/1").await;
    assert!(!html(&shown).contains("hunter2"));

    // Another like it, pressed twice.
    let (sealed, once) = (seal(html(&shown)), hidden(html(&shown), "once"));
    let again = [("seal", &*sealed), ("once", &*once)];
    let got = browser.form("/jobs/1/again", &again).await;
    let other = led_to(&got).to_owned();
    assert_ne!(other, "/jobs/1");
    let got = browser.form("/jobs/1/again", &again).await;
    assert_eq!(led_to(&got), other);
    assert!(html(&browser.get(&other).await).contains("a=b"));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_refused_is_shown_again_as_it_was_typed_with_what_is_wrong() {
    let scene = Scene::by_tokens().await;
    let mut browser = logged_in(&scene, Role::Submitter).await;
    let sealed = seal(html(&browser.get("/submit").await));
    for (field, typed, said) in [
        ("command", "echo 'half", "a quote that is not closed"),
        ("priority", "900", "0 to 100"),
        ("run_timeout", "soon", "not a duration"),
        ("env", "A=1\nSECRET", "must be KEY=VALUE in line 2"),
        ("labels", "a", "must be KEY=VALUE in line 1"),
        ("more", "{\"usr\": 1}", "usr"),
        ("more", "nonsense", "is not JSON"),
    ] {
        let mut form = vec![("seal", &*sealed), ("image", "busybox"), (field, typed)];
        form.push(("name", "typed-before"));
        let got = browser.form("/submit", &form).await;
        let page = html(&got);
        assert_eq!(got.status, 422, "{field}: {page}");
        assert!(page.contains(said), "{field}: {page}");
        assert!(page.contains("value=\"typed-before\""), "{field}: {page}");
        assert!(page.contains("role=\"alert\""), "{field}: {page}");
    }
    let command = [("seal", &*sealed), ("command", "true")];
    let got = browser.form("/submit", &command).await;
    assert_eq!(got.status, 403, "on the host itself");
    assert!(html(&got).contains("operator"));
    let nothing = scene.store.newest_job().await.expect("a store");
    assert_eq!(nothing, None);
    let mut reader = logged_in(&scene, Role::Reader).await;
    assert_eq!(reader.get("/submit").await.status, 403);
    assert!(!html(&reader.get("/jobs").await).contains("/submit"));
    scene.close().await;
}
