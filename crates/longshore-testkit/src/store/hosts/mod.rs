//! Hosts: what is launched on them within their room, what people say of them, and how they hold
//! jobs up.

mod changing;
mod fencing;
mod racing;
mod telling;
mod waiting;

pub use changing::*;
pub use fencing::*;
pub use racing::*;
pub use telling::*;
pub use waiting::*;

use longshore_core::HostId;
use longshore_core::host::{Capacity, Demand, Host, HostChange, Used};
use longshore_core::store::StoreResult;

use super::scene::Scene;
use super::seed::Seed;

/// One host, as the list of all shows it.
async fn host(scene: &Scene, id: HostId) -> Host {
    let hosts = scene.store.hosts().await.expect("hosts");
    hosts
        .into_iter()
        .find(|host| host.id == id)
        .expect("a known host")
}

/// What is taken of the scene's host.
async fn used(scene: &Scene) -> Used {
    host(scene, scene.host).await.used
}

/// Changes the scene's host.
async fn change(scene: &Scene, change: HostChange) -> Host {
    let changed = scene.store.change_host(scene.host, &change).await;
    changed.expect("a known host")
}

/// Bounds all of the scene's host.
async fn bound(scene: &Scene, capacity: Capacity) -> Host {
    let all = HostChange {
        slots: Some(capacity.slots),
        memory_bytes: Some(capacity.memory_bytes),
        millicpus: Some(capacity.millicpus),
        ..HostChange::default()
    };
    change(scene, all).await
}

/// Lets the scene's host get new jobs, or none.
async fn enable(scene: &Scene, enabled: bool) -> Host {
    let switch = HostChange {
        enabled: Some(enabled),
        ..HostChange::default()
    };
    change(scene, switch).await
}

fn slots(slots: u32) -> Capacity {
    Capacity {
        slots: Some(slots),
        ..Capacity::default()
    }
}

fn demand(memory_bytes: u64, millicpus: u64) -> Demand {
    Demand {
        memory_bytes,
        millicpus,
    }
}

/// Leases of so many new jobs.
async fn leases(scene: &Scene, count: usize) -> Vec<longshore_core::store::LeaseKey> {
    scene.submit_all(Seed::jobs(count)).await;
    let want = u32::try_from(count).expect("a case names few");
    let acquired = scene.acquire(want).await;
    assert_eq!(acquired.len(), count, "nothing else waits or bounds");
    acquired.into_iter().map(|lease| lease.key).collect()
}

/// The field that a refusal names.
fn refused_field<T: std::fmt::Debug>(answer: StoreResult<T>) -> String {
    match answer {
        Err(longshore_core::store::StoreError::Invalid(error)) => error.field,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
