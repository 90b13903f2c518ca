//! A call asked of a store: its arguments in the store's ids, its answer in the model's.

use std::fmt::Debug;
use std::time::Duration;

use longshore_core::ids::{JobId, Token, WorkerId};
use longshore_core::queue::Queue;
use longshore_core::store::{
    AcquireRequest, Aged, Finish, Heartbeat, HeldLease, JobFilter, Lease, NewWorker, OutputAppend,
    OutputCursor, OutputRequest, Pruned, Retention, Store, StoreResult, Submitted,
};

use super::call::Call;
use super::model_side::{Reply, said};
use super::names::Names;
use super::translated::{detail, host, page, queue, summary, worker};
use crate::model::{MOMENT, Refusal};

/// Passes of pruning that no test needs.
const MAX_PASSES: usize = 10_000;

/// What a verb that may be refused answered.
pub(super) fn told<T: Debug>(names: &Names, answer: StoreResult<T>) -> Reply {
    said(&answer.map_err(|error| Refusal::of(&error, |job| names.jobs.known(job))))
}

/// What a verb that nothing can be wrong with answered.
pub(super) fn plain<T: Debug>(answer: StoreResult<T>) -> Reply {
    answer.map_or_else(
        |error| format!("an error: {error:?}"),
        |answer| said(&answer),
    )
}

pub(super) async fn ask(store: &dyn Store, names: &mut Names, call: &Call) -> Reply {
    match call {
        Call::Submit(jobs) => {
            let answer = store.submit(jobs).await;
            let answer =
                answer.map(|all| all.into_iter().map(|one| submitted(names, one)).collect());
            told::<Vec<_>>(names, answer)
        }
        Call::QueueJob(job) => told(names, store.queue_job(names.jobs.real(*job)).await),
        Call::DequeueJob(job) => told(names, store.dequeue_job(names.jobs.real(*job)).await),
        Call::Reprioritise(job, priority) => told(
            names,
            store.reprioritise(names.jobs.real(*job), *priority).await,
        ),
        Call::RequestCancel(job) => told(names, store.request_cancel(names.jobs.real(*job)).await),
        Call::RetryJob(job) => told(names, store.retry_job(names.jobs.real(*job)).await),
        Call::Acquire(request) => acquire(store, names, *request).await,
        Call::MarkLaunched(lease, host, handle, demand) => {
            let (lease, host) = (names.real_lease(*lease), names.hosts.real(*host));
            told(
                names,
                store.mark_launched(lease, host, handle, *demand).await,
            )
        }
        Call::NoteLaunch(lease, note) => {
            plain(store.note_launch(names.real_lease(*lease), note).await)
        }
        Call::MarkRunning(lease) => plain(store.mark_running(names.real_lease(*lease)).await),
        Call::AppendOutput(appends) => {
            let real = |append: &OutputAppend| OutputAppend {
                lease: names.real_lease(append.lease),
                ..append.clone()
            };
            let appends: Vec<_> = appends.iter().map(real).collect();
            plain(store.append_output(&appends).await)
        }
        Call::Finish(finishes) => {
            let real = |finish: &Finish| Finish {
                lease: names.real_lease(finish.lease),
                ..finish.clone()
            };
            let finishes: Vec<_> = finishes.iter().map(real).collect();
            plain(store.finish(&finishes).await)
        }
        Call::TakeOver(request) => super::recovery_side::take_over(store, names, request).await,
        Call::AreLive(attempts) => {
            let real = attempts.iter();
            let real = real.map(|(job, attempt)| (names.jobs.real(*job), *attempt));
            plain(store.are_live(&real.collect::<Vec<_>>()).await)
        }
        Call::CheckLeases(leases) => {
            let leases: Vec<_> = leases
                .iter()
                .map(|lease| names.real_lease(*lease))
                .collect();
            plain(store.check_leases(&leases).await)
        }
        Call::LeasesOf(worker) => {
            let ours = |held: HeldLease| HeldLease {
                key: names.our_lease(held.key),
                ..held
            };
            let answer = store.leases_of(names.workers.real(*worker)).await;
            plain::<Vec<_>>(answer.map(|all| all.into_iter().map(ours).collect()))
        }
        Call::ListJobs(filter) => {
            let filter = JobFilter {
                before: filter.before.map(|job| names.jobs.real(job)),
                ..filter.clone()
            };
            let answer = store.list_jobs(&filter).await.map(|mut page| {
                page.jobs = page
                    .jobs
                    .into_iter()
                    .map(|job| summary(names, job))
                    .collect();
                page.next = page.next.map(|job| names.jobs.ours(job));
                page
            });
            told(names, answer)
        }
        Call::ShowJob(job) => {
            let answer = store.show_job(names.jobs.real(*job)).await;
            told(names, answer.map(|shown| detail(names, shown)))
        }
        Call::States(jobs) => {
            let jobs: Vec<_> = jobs.iter().map(|job| names.jobs.real(*job)).collect();
            told(names, store.states(&jobs).await)
        }
        Call::NewestJob => {
            let answer = store.newest_job().await;
            plain(answer.map(|newest| newest.map(|job| names.jobs.ours(job))))
        }
        Call::ReadOutput(request) => {
            let real = |after: OutputCursor| OutputCursor {
                token: names.tokens.real(after.token),
                ..after
            };
            let request = OutputRequest {
                job: names.jobs.real(request.job),
                after: request.after.map(real),
                ..*request
            };
            told(
                names,
                store
                    .read_output(request)
                    .await
                    .map(|shown| page(names, shown)),
            )
        }
        Call::StageDue(limit) => plain(store.stage_due(*limit).await),
        Call::ExpireWaiting => {
            let ours = |expired: Vec<JobId>| {
                let mut expired: Vec<_> = expired
                    .into_iter()
                    .map(|job| names.jobs.ours(job))
                    .collect();
                expired.sort_unstable();
                expired
            };
            plain(store.expire_waiting(1000).await.map(ours))
        }
        Call::AgeWaiting(limit) => {
            let ours = |aged: Aged| Aged {
                job: names.jobs.ours(aged.job),
                queue: names.queues.ours(aged.queue),
                ..aged
            };
            let aged = store.age_waiting(*limit).await;
            plain(aged.map(|aged| aged.into_iter().map(ours).collect::<Vec<_>>()))
        }
        Call::PruneAll(batch) => plain(prune_all(store, *batch).await),
        Call::Prunable => plain(store.prunable(Duration::ZERO).await),
        Call::WorkerMetrics => plain(store.worker_metrics().await),
        Call::SettledCounts => {
            let answer = store.settled_counts().await.map(|mut counts| {
                counts.retain(|_, count| count.0 > 0);
                counts
            });
            plain(answer)
        }
        Call::Audit => plain(store.audit().await),
        registry => ask_registry(store, names, registry).await,
    }
}

async fn ask_registry(store: &dyn Store, names: &mut Names, call: &Call) -> Reply {
    match call {
        Call::ChangeQueue(name, change) => {
            let answer = store.change_queue(name, change).await;
            told(names, answer.map(|changed| queue(names, changed)))
        }
        Call::CreateQueue(new) => told(names, store.create_queue(new).await),
        Call::Queues => {
            let answer = store.queues().await;
            let is_known = |queue: &Queue| names.queues.known(queue.id).is_some();
            let known = |all: Vec<Queue>| -> Vec<_> {
                let all = all.into_iter().filter(is_known);
                all.map(|shown| queue(names, shown)).collect()
            };
            plain(answer.map(known))
        }
        Call::QueueStats => {
            let answer = store.queue_stats().await.map(|mut stats| {
                stats.retain(|stats| names.queues.known(stats.queue.id).is_some());
                for stats in &mut stats {
                    stats.queue = queue(names, stats.queue.clone());
                    stats.oldest_waiting_at = stats.oldest_waiting_at.map(|_| MOMENT);
                }
                stats
            });
            plain(answer)
        }
        Call::RegisterWorker(worker) => {
            let worker = NewWorker {
                queues: worker
                    .queues
                    .iter()
                    .map(|queue| names.queues.real(*queue))
                    .collect(),
                hosts: worker
                    .hosts
                    .iter()
                    .map(|host| names.hosts.real(*host))
                    .collect(),
                ..worker.clone()
            };
            let answer = store.register_worker(&worker).await.map(|id| {
                let ours = WorkerId(names.workers.count() + 1);
                names.workers.learn(ours, id);
                ours
            });
            plain(answer)
        }
        Call::Heartbeat(worker) => {
            let beat = store.heartbeat(names.workers.real(*worker)).await;
            plain(beat.map(|beat| match beat {
                Heartbeat::Alive { drain, .. } => Heartbeat::Alive { drain, at: MOMENT },
                Heartbeat::Fenced => beat,
            }))
        }
        Call::DrainWorker(worker) => {
            told(names, store.drain_worker(names.workers.real(*worker)).await)
        }
        Call::StopWorker(worker) => {
            told(names, store.stop_worker(names.workers.real(*worker)).await)
        }
        Call::SetWorkerReach(worker, hosts, queues) => {
            let hosts: Vec<_> = hosts.iter().map(|host| names.hosts.real(*host)).collect();
            let queues = queues.iter().map(|queue| names.queues.real(*queue));
            let queues: Vec<_> = queues.collect();
            told(
                names,
                store
                    .set_worker_reach(names.workers.real(*worker), &hosts, &queues)
                    .await,
            )
        }
        Call::Workers(all) => {
            let answer = store.workers(*all).await.map(|mut workers| {
                workers.retain(|worker| names.workers.known(worker.id).is_some());
                workers
                    .into_iter()
                    .map(|shown| worker(names, shown))
                    .collect()
            });
            plain::<Vec<_>>(answer)
        }
        Call::ChangeHost(id, change) => {
            let answer = store.change_host(names.hosts.real(*id), change).await;
            told(names, answer.map(|changed| host(names, changed)))
        }
        Call::ForgetHost(id) => {
            let answer = store.forget_host(names.hosts.real(*id)).await;
            told(names, answer.map(|forgotten| host(names, forgotten)))
        }
        Call::NoteHostProblem(host, problem) => told(
            names,
            store
                .note_host_problem(names.hosts.real(*host), problem)
                .await,
        ),
        Call::RegisterHost(facts) => {
            let answer = store.register_host(facts).await;
            plain(answer.map(|id| names.hosts.ours(id)))
        }
        Call::Hosts => {
            let answer = store.hosts().await;
            plain::<Vec<_>>(
                answer.map(|all| all.into_iter().map(|shown| host(names, shown)).collect()),
            )
        }
        job_verb => unreachable!("{job_verb:?} is asked above"),
    }
}

fn submitted(names: &mut Names, answer: Submitted) -> Submitted {
    if answer.is_new {
        let ours = JobId(names.jobs.count() + 1);
        names.jobs.learn(ours, answer.job);
    }
    Submitted {
        job: names.jobs.ours(answer.job),
        ..answer
    }
}

async fn acquire(store: &dyn Store, names: &mut Names, request: AcquireRequest) -> Reply {
    let real = AcquireRequest {
        queue: names.queues.real(request.queue),
        worker: names.workers.real(request.worker),
        ..request
    };
    let leases = match store.acquire(real).await {
        Ok(acquired) => acquired.leases,
        Err(error) => return told::<()>(names, Err(error)),
    };
    for lease in &leases {
        if lease.key.token <= names.newest_token {
            return format!("token {} after {}", lease.key.token, names.newest_token);
        }
        names.newest_token = lease.key.token;
        let ours = Token(names.tokens.count() + 1);
        names.tokens.learn(ours, lease.key.token);
    }
    said(&Ok::<Vec<_>, Refusal>(
        leases
            .into_iter()
            .map(|acquired| lease(names, acquired))
            .collect(),
    ))
}

pub(super) fn lease(names: &Names, lease: Lease) -> Lease {
    Lease {
        key: names.our_lease(lease.key),
        queue: names.queues.ours(lease.queue),
        claimed_at: MOMENT,
        ..lease
    }
}

async fn prune_all(store: &dyn Store, batch: u32) -> StoreResult<Pruned> {
    let mut all = Pruned::default();
    let retention = Retention {
        keep: Duration::ZERO,
        batch,
    };
    for _ in 0..MAX_PASSES {
        let pass = store.prune(retention).await?;
        all.jobs += pass.jobs;
        all.attempts += pass.attempts;
        all.more = pass.more;
        if !pass.more {
            break;
        }
    }
    Ok(all)
}
