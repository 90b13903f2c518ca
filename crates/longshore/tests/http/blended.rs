//! A store whose people's verbs go over HTTP and whose workers' verbs go to the database: as in a fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_client::RemoteStore;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::executor::Handle;
use longshore_core::host::{Demand, Host, HostChange, HostFacts};
use longshore_core::queue::{Count, NewQueue, Queue, QueueChange, QueueStats, WorkerMetrics};
use longshore_core::store::{
    Access, AcquireRequest, Acquired, Aged, CancelOutcome, ChangeCursor, ChangePage, Changes,
    Delivery, DueDelivery, EndedInMinute, FenceOutcome, Finding, Finish, FinishOutcome, Heartbeat,
    HeldLease, JobDetail, JobFilter, JobPage, JobSummary, LeaseKey, LeaseStatus, Leases, NewJob,
    NewWorker, OutputAppend, OutputPage, OutputRequest, Pruned, Reading, Recovery, Registry,
    Retention, Store, StoreResult, Submissions, Submitted, TakeOverRequest, TakenOver, Tried,
    Upkeep, Wakeups, Webhooks, Worker,
};
use longshore_core::template::Template;
use longshore_core::usage::{AttemptUsage, UsageNote};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};
use longshore_core::{
    AttemptNumber, HostId, InstanceId, JobId, Priority, QueueId, State, Timestamp, WorkerId,
};

/// Each verb goes where it says.
pub struct Blended {
    pub http: RemoteStore,
    pub direct: Arc<dyn Store>,
    /// Kept for as long as the store is.
    pub served: crate::served::Served,
}

#[async_trait]
impl Submissions for Blended {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        self.http.submit(jobs).await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.http.queue_job(job).await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.http.dequeue_job(job).await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        self.http.reprioritise(job, priority).await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        self.http.request_cancel(job).await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.http.retry_job(job).await
    }
}

#[async_trait]
impl Leases for Blended {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.direct.acquire(request).await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        self.direct.mark_launched(lease, host, handle, demand).await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        self.direct.note_launch(lease, note).await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        self.direct.mark_running(lease).await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        self.direct.append_output(appends).await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        self.direct.note_usage(notes).await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        self.direct.finish(finishes).await
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        self.direct.check_leases(leases).await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        self.direct.leases_of(worker).await
    }
}

#[async_trait]
impl Recovery for Blended {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        self.direct.take_over(request).await
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        self.direct.are_live(attempts).await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        self.direct.bears_anothers_name().await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.http.forget_host(host).await
    }
}

#[async_trait]
impl Registry for Blended {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.http.queues().await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        self.http.queue(name).await
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        self.http.create_queue(queue).await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        self.http.change_queue(name, change).await
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        self.direct.register_worker(worker).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        self.direct.heartbeat(worker).await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.http.drain_worker(worker).await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.direct.stop_worker(worker).await
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.http.workers(all).await
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        self.direct.register_host(facts).await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        self.direct.note_host_problem(host, problem).await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        self.http.change_host(host, change).await
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        self.direct.set_worker_reach(worker, hosts, queues).await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.http.hosts().await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        self.http.save_template(name, body).await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        self.http.templates().await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        self.http.templates_named(names).await
    }
}

#[async_trait]
impl Reading for Blended {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        self.http.list_jobs(filter).await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        self.http.show_job(job).await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        self.http.states(jobs).await
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        self.http.newest_job().await
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        self.http.read_output(request).await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.http.queue_stats().await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.http.worker_metrics().await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        self.http.settled_counts().await
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        self.http.ended_by_minute(minutes).await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        self.http.next_due(limit).await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        self.http.usage_of(job).await
    }
}

#[async_trait]
impl Changes for Blended {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        self.http.changes(after, limit).await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        self.http.newest_change().await
    }
}

#[async_trait]
impl Upkeep for Blended {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        self.direct.stage_due(limit).await
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        self.direct.expire_waiting(limit).await
    }

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        self.direct.age_waiting(limit).await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.http.prune(retention).await
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        self.http.prunable(keep).await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        self.direct.tend_storage(retention).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.http.audit().await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        self.http.diagnose().await
    }
}

#[async_trait]
impl Access for Blended {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        self.direct.create_token(token).await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.http.tokens().await
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        self.direct.token(token).await
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        self.direct.note_token_use(token).await
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        self.http.revoke_token(token).await
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        self.direct.note_audit(notes).await
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        self.http.audit_log(before, limit).await
    }
}

#[async_trait]
impl Webhooks for Blended {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        self.direct.create_webhook(webhook).await
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.http.webhooks().await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        self.http.switch_webhook(webhook, enabled).await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        self.http.delete_webhook(webhook).await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        self.direct.webhook_cursor().await
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        self.direct.note_deliveries(from, to, deliveries).await
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        self.direct.take_deliveries(limit, except, at_least).await
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        self.direct.note_tried(tried).await
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        self.http.send_again(delivery).await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        self.http.deliveries(webhook, job, before, limit).await
    }
}

#[async_trait]
impl Store for Blended {
    fn kind(&self) -> &'static str {
        self.direct.kind()
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.http.instance().await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.http.now().await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        self.direct.wakeups()
    }

    async fn close(&self) {
        self.served.stop().await;
        self.direct.close().await;
    }
}
