//! What the living do for the dead: leases of workers that are gone move to others (S1, S5, L2), and
//! what becomes of jobs on hosts that are gone.

mod gone_hosts;
mod late_writes;
mod racing;
mod reach;
mod taking;
mod telling;

pub use gone_hosts::*;
pub use late_writes::*;
pub use racing::*;
pub use reach::*;
pub use taking::*;
pub use telling::*;

use std::time::Duration;

use longshore_core::output::{KeptOutput, ResumePoint, Stream};
use longshore_core::store::{LeaseKey, OutputAppend, TakeOverRequest, TakenOver, Worker};
use longshore_core::{HostId, JobId, Timestamp, WorkerId};

use super::scene::{LATER, Scene};
use super::{Aged, StoreHarness};

/// More than any case has.
pub const MANY: u32 = TakeOverRequest::MAX_WANT;

/// Twice the time of every scene's worker.
const LONG_AGO: Duration = LATER.saturating_mul(2);

/// Another process of the same queue, which reaches the scene's host.
pub async fn successor(h: &dyn StoreHarness, scene: &Scene) -> Scene {
    let twin = scene.twin(h).await;
    reach(&twin, &[twin.host]).await;
    twin
}

/// Says which hosts the scene's worker reaches; it serves the scene's queue.
async fn reach(scene: &Scene, hosts: &[HostId]) {
    let queues = [scene.queue.id];
    let said = scene.store.set_worker_reach(scene.worker, hosts, &queues);
    said.await.expect("a known worker");
}

/// The scene's worker was not heard of for longer than it may be.
pub async fn falls_silent(h: &dyn StoreHarness, scene: &Scene) {
    h.age(Aged::Heartbeat(scene.worker), LONG_AGO).await;
}

/// The scene's worker was not heard of for more than half the time for which it may be.
async fn falls_half_silent(h: &dyn StoreHarness, scene: &Scene) {
    h.age(Aged::Heartbeat(scene.worker), LATER.mul_f64(0.6))
        .await;
}

/// The scene's worker says goodbye.
pub async fn says_goodbye(scene: &Scene) {
    let stopped = scene.store.stop_worker(scene.worker).await;
    stopped.expect("a known worker");
}

/// A take-over for the scene's worker, under the next acquire number.
pub fn request(scene: &Scene, want: u32) -> TakeOverRequest {
    TakeOverRequest {
        worker: scene.worker,
        want,
        acquire_number: scene.request(want).acquire_number,
        // Whatever the store knows itself.
        heard_at: Timestamp::MAX,
        again: Vec::new(),
    }
}

async fn ask(scene: &Scene, request: &TakeOverRequest) -> Vec<TakenOver> {
    let taken = scene.store.take_over(request).await.expect("take over");
    assert!(
        taken.is_sorted_by_key(|taken| taken.lease.key.job),
        "by job"
    );
    taken
}

/// Takes over up to `want` leases for the scene's worker.
pub async fn take_over(scene: &Scene, want: u32) -> Vec<TakenOver> {
    ask(scene, &request(scene, want)).await
}

/// Takes over the one lease that there is to take.
async fn take_one(scene: &Scene) -> TakenOver {
    let mut taken = take_over(scene, MANY).await;
    assert_eq!(taken.len(), 1, "one lease is left: {taken:?}");
    taken.remove(0)
}

fn jobs_of(taken: &[TakenOver]) -> Vec<JobId> {
    taken.iter().map(|taken| taken.lease.key.job).collect()
}

async fn worker(scene: &Scene, id: WorkerId) -> Worker {
    let workers = scene.store.workers(true).await.expect("workers");
    let mut workers = workers.into_iter();
    workers.find(|known| known.id == id).expect("registered")
}

/// Some bytes of one stream, with a place to go on from.
fn part(lease: LeaseKey, seq: i32, stream: Stream, position: u64, bytes: &[u8]) -> OutputAppend {
    let bytes = bytes.to_vec();
    OutputAppend {
        lease,
        seq,
        output: KeptOutput {
            stream,
            position,
            bytes,
        },
        resume: Some(ResumePoint(format!("{} after {seq}", lease.token))),
    }
}
