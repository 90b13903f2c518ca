//! Many at once. Alone: an engine launches a few per second, and others would wait behind these.

use futures_util::future::join_all;

use super::scene::Scene;

pub async fn fifty_jobs_launched_at_once_all_run(scene: &Scene) {
    let jobs = (0..50).map(|number| async move {
        let finished = scene
            .run(scene.shell(&format!("echo job {number}; exit {number}")))
            .await;
        assert_eq!(finished.text(), format!("job {number}\n"));
        assert_eq!(finished.code(), number);
        finished.handle
    });
    let mut handles = join_all(jobs).await;
    handles.sort();
    handles.dedup();
    assert_eq!(handles.len(), 50, "each had a container of its own");
}
