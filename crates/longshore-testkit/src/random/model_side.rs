//! A call asked of the model.

use std::fmt::Debug;

use super::call::Call;
use crate::model::Model;

/// An answer in words, which two sides give alike or not.
pub(super) type Reply = String;

pub(super) fn said(answer: &impl Debug) -> Reply {
    format!("{answer:?}")
}

/// Every answer that is right; mostly there is one.
pub(super) fn ask(model: &mut Model, call: &Call) -> Vec<Reply> {
    if let Call::Submit(jobs) = call {
        return match model.submit(jobs) {
            Ok(submitted) => vec![said(&Ok::<_, ()>(submitted))],
            Err(refusals) => refusals
                .iter()
                .map(|refusal| said(&Err::<(), _>(refusal)))
                .collect(),
        };
    }
    vec![ask_one(model, call)]
}

fn ask_one(model: &mut Model, call: &Call) -> Reply {
    match call {
        Call::Submit(jobs) => said(&model.submit(jobs)),
        Call::QueueJob(job) => said(&model.queue_job(*job)),
        Call::DequeueJob(job) => said(&model.dequeue_job(*job)),
        Call::Reprioritise(job, priority) => said(&model.reprioritise(*job, *priority)),
        Call::RequestCancel(job) => said(&model.request_cancel(*job)),
        Call::RetryJob(job) => said(&model.retry_job(*job)),
        Call::Acquire(request) => said(&model.acquire(*request)),
        Call::MarkLaunched(lease, host, handle, demand) => {
            said(&model.mark_launched(*lease, *host, handle, *demand))
        }
        Call::NoteLaunch(lease, note) => said(&model.note_launch(*lease, note)),
        Call::MarkRunning(lease) => said(&model.mark_running(*lease)),
        Call::AppendOutput(appends) => said(&model.append_output(appends)),
        Call::Finish(finishes) => said(&model.finish(finishes)),
        Call::TakeOver(request) => said(&model.take_over(request)),
        Call::AreLive(attempts) => said(&model.are_live(attempts)),
        Call::ForgetHost(host) => said(&model.forget_host(*host)),
        Call::CheckLeases(leases) => said(&model.check_leases(leases)),
        Call::LeasesOf(worker) => said(&model.leases_of(*worker)),
        Call::ChangeQueue(name, change) => said(&model.change_queue(name, change)),
        Call::CreateQueue(queue) => said(&model.create_queue(queue)),
        Call::RegisterWorker(worker) => said(&model.register_worker(worker)),
        Call::Heartbeat(worker) => said(&model.heartbeat(*worker)),
        Call::DrainWorker(worker) => said(&model.drain_worker(*worker)),
        Call::StopWorker(worker) => said(&model.stop_worker(*worker)),
        Call::SetWorkerReach(worker, hosts, queues) => {
            said(&model.set_worker_reach(*worker, hosts, queues))
        }
        Call::ChangeHost(host, change) => said(&model.change_host(*host, change)),
        Call::NoteHostProblem(host, problem) => said(&model.note_host_problem(*host, problem)),
        Call::RegisterHost(facts) => said(&model.register_host(facts)),
        Call::ListJobs(filter) => said(&model.list_jobs(filter)),
        Call::ShowJob(job) => said(&model.show_job(*job)),
        Call::States(jobs) => said(&model.states(jobs)),
        Call::NewestJob => said(&model.newest_job()),
        Call::ReadOutput(request) => said(&model.read_output(*request)),
        Call::QueueStats => said(&model.queue_stats()),
        Call::WorkerMetrics => said(&model.worker_metrics()),
        Call::SettledCounts => said(&model.settled_counts()),
        Call::Queues => said(&model.queues()),
        Call::Workers(all) => said(&model.workers(*all)),
        Call::Hosts => said(&model.hosts()),
        Call::StageDue(limit) => said(&model.stage_due(*limit)),
        Call::AgeWaiting(limit) => said(&model.age_waiting(*limit)),
        Call::ExpireWaiting => said(&model.expire_waiting()),
        Call::PruneAll(_) => said(&model.prune()),
        Call::Prunable => said(&model.prunable()),
        Call::Audit => said(&Vec::<String>::new()),
    }
}
