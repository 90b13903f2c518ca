//! From where, and under which names.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST, ORIGIN};
use serde_json::json;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_other_sites_and_under_other_names_are_refused_even_on_loopback() {
    let scene = Scene::open().await;
    let path = "/api/v1/jobs";
    let host = scene.served.address;
    let job = json!({"image": "busybox"});
    let post = || scene.request(Method::POST, path).json(&job);
    for (header, value) in [
        (HOST, "evil.example".to_owned()),
        (HOST, format!("evil.example:{}", host.port())),
        (HOST, "localhost.evil.example".to_owned()),
        (ORIGIN, "http://evil.example".to_owned()),
        (ORIGIN, "null".to_owned()),
        (
            ORIGIN,
            format!("http://127.0.0.1:{}", host.port().wrapping_add(1)),
        ),
    ] {
        let got = scene.send(post().header(&header, &value)).await;
        assert_eq!(got.code(), "bad_origin", "{header}: {value}");
        let got = scene
            .send(scene.request(Method::GET, path).header(&header, &value))
            .await;
        assert_eq!(got.code(), "bad_origin", "{header}: {value}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let body = scene.request(Method::POST, path).body(job.to_string());
        let got = scene.send(body.header(CONTENT_TYPE, kind)).await;
        assert_eq!(got.code(), "unsupported_media_type", "{kind}");
    }
    let bare = scene
        .send(scene.request(Method::POST, "/api/v1/jobs/1/cancel"))
        .await;
    assert_eq!(bare.code(), "unsupported_media_type");
    assert_eq!(
        scene.store.newest_job().await.expect("a store"),
        None,
        "nothing was submitted"
    );
    let own = scene
        .send(post().header(ORIGIN, format!("http://{host}")))
        .await;
    assert_eq!(own.status, 201, "its own page may");
    let named = scene.send(post().header(HOST, "LocalHost:1")).await;
    assert_eq!(
        named.status, 201,
        "by any port, for a proxy may stand before it"
    );
    scene.close().await;
}
