//! Acquiring in states that no verb leads to yet.

use longshore_core::store::{
    AcquireRequest, Heartbeat, Leases, NewWorker, Registry, Store, Submissions, Upkeep,
};
use std::time::Duration;

use crate::support::{Folder, beside, job, open};

#[tokio::test]
async fn a_worker_that_was_fenced_acquires_nothing_and_learns_it_with_its_heartbeat() {
    let folder = Folder::new();
    let store = open(&folder.file()).await;
    let queue = store
        .queue("local")
        .await
        .expect("made by the migration")
        .id;
    let worker = NewWorker {
        name: "worker".to_owned(),
        hostname: "machine".to_owned(),
        pid: 1,
        boot_id: "boot".to_owned(),
        version: "0".to_owned(),
        queues: vec![queue],
        hosts: vec![],
        capacity: 1,
        lease_ttl: Duration::from_hours(1),
    };
    let worker = store.register_worker(&worker).await.expect("a worker");
    store.submit(&[job(), job()]).await.expect("submit");
    let request = AcquireRequest {
        queue,
        want: 1,
        worker,
        acquire_number: 1,
        max_concurrent: None,
    };
    let before = store.acquire(request).await.expect("acquire").leases;
    assert_eq!(before.len(), 1);
    beside(&folder.file())
        .execute("UPDATE worker SET fenced = 1", [])
        .expect("as a take-over would");
    let after = store.acquire(request).await.expect("acquire").leases;
    assert_eq!(after, []);
    let heartbeat = store.heartbeat(worker).await.expect("heartbeat");
    assert_eq!(heartbeat, Heartbeat::Fenced);
    assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
    store.close().await;
}
