//! Style, scripts and pictures: files that the binary holds, so that no page asks anybody else for anything.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::app::App;

/// Where a file stands, what it is, and what is in it.
type Asset = (&'static str, &'static str, &'static [u8]);

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 5] = [
    (
        "/assets/longshore.css",
        CSS,
        include_bytes!("../../assets/longshore.css"),
    ),
    (
        "/assets/live.js",
        JS,
        include_bytes!("../../assets/live.js"),
    ),
    ("/assets/log.js", JS, include_bytes!("../../assets/log.js")),
    (
        "/assets/idiomorph.js",
        JS,
        include_bytes!("../../assets/idiomorph.min.js"),
    ),
    (
        "/assets/longshore.svg",
        "image/svg+xml",
        include_bytes!("../../assets/longshore.svg"),
    ),
];

/// Addresses bear the version, so that a browser keeps a file until there is another.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for (path, kind, bytes) in ASSETS {
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=3600"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        router = router.route(path, get(move || async move { (headers, bytes) }));
    }
    router
}
