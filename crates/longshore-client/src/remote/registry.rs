//! Queues, workers, hosts, templates, tokens; and keeping the database in shape.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::queue::{Count, NewQueue, Queue, QueueChange, QueueStats};
use longshore_core::spec::Timeout;
use longshore_core::store::{
    Access, Aged, ChangeCursor, ChangePage, Changes, Finding, Heartbeat, NewWorker, Pruned,
    Registry, Retention, StoreResult, Upkeep, Worker,
};
use longshore_core::template::Template;
use longshore_core::{HostId, JobId, QueueId, WorkerId};
use reqwest::Method;

use super::client::Client;
use super::store::{RemoteStore, not_over_http};
use crate::api::{
    AuditQuery, ChangeQuery, HostBody, NewQueueBody, PruneAnswer, PruneRequest, QueueBody,
    TemplateBody, TemplateSummary,
};

#[async_trait]
impl Registry for RemoteStore {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        let stats: Vec<QueueStats> = self.client.get("list queues", "queues", &()).await?;
        Ok(stats.into_iter().map(|stats| stats.queue).collect())
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        let path = format!("queues/{}", Client::part(name));
        let stats: QueueStats = self.client.get("show the queue", &path, &()).await?;
        Ok(stats.queue)
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        queue.validate()?;
        let body = NewQueueBody::from(queue);
        self.client
            .send("make the queue", Method::POST, "queues", &body)
            .await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        change.validate()?;
        let path = format!("queues/{}", Client::part(name));
        let body = QueueBody::from(change);
        self.client
            .send("change the queue", Method::PATCH, &path, &body)
            .await
    }

    async fn register_worker(&self, _worker: &NewWorker) -> StoreResult<WorkerId> {
        not_over_http("register the worker")
    }

    async fn heartbeat(&self, _worker: WorkerId) -> StoreResult<Heartbeat> {
        not_over_http("heartbeat")
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let path = format!("workers/{worker}/drain");
        self.client
            .act_alone("drain the worker", Method::POST, &path)
            .await
    }

    async fn stop_worker(&self, _worker: WorkerId) -> StoreResult<()> {
        not_over_http("stop the worker")
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.client
            .get("list workers", "workers", &[("all", all)])
            .await
    }

    async fn register_host(&self, _facts: &HostFacts) -> StoreResult<HostId> {
        not_over_http("register the host")
    }

    async fn note_host_problem(&self, _host: HostId, _problem: &str) -> StoreResult<()> {
        not_over_http("note a host's problem")
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        change.validate()?;
        let body = HostBody::from(change);
        let path = format!("hosts/{host}");
        self.client
            .send("change the host", Method::PATCH, &path, &body)
            .await
    }

    async fn set_worker_reach(
        &self,
        _worker: WorkerId,
        _hosts: &[HostId],
        _queues: &[QueueId],
    ) -> StoreResult<()> {
        not_over_http("note what a worker reaches")
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.client.get("list hosts", "hosts", &()).await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        longshore_core::template::check_template(name, body)?;
        let path = format!("templates/{}", Client::part(name));
        let body = TemplateBody {
            body: body.to_owned(),
        };
        self.client
            .send("save the template", Method::PUT, &path, &body)
            .await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        let names: Vec<TemplateSummary> =
            self.client.get("list templates", "templates", &()).await?;
        let names: Vec<String> = names.into_iter().map(|summary| summary.name).collect();
        self.templates_named(&names).await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let path = format!("templates/{}", Client::part(name));
            found.push(self.client.get("read templates", &path, &()).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl Access for RemoteStore {
    async fn create_token(&self, _token: &NewApiToken) -> StoreResult<ApiToken> {
        // The server draws the secret: `Client::create_token`.
        not_over_http("make the token by its hash")
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.client.get("list tokens", "tokens", &()).await
    }

    async fn token(&self, _token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        not_over_http("read a token's hash")
    }

    async fn note_token_use(&self, _token: ApiTokenId) -> StoreResult<()> {
        not_over_http("note a token's use")
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        let path = format!("tokens/{token}");
        self.client
            .act("revoke the token", Method::DELETE, &path)
            .await
    }

    async fn note_audit(&self, _notes: &[AuditNote]) -> StoreResult<()> {
        not_over_http("write the audit log")
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        let limit = Some(limit.clamp(1, 1000));
        let page = self.client.audit_log(AuditQuery { before, limit }).await?;
        Ok(page.entries)
    }
}

#[async_trait]
impl Changes for RemoteStore {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        let query = ChangeQuery {
            after: Some(after.to_string()),
            limit: Some(limit.clamp(1, ChangePage::MAX_ROWS)),
        };
        self.client
            .get("read the feed of changes", "changes", &query)
            .await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        let query = ChangeQuery::default();
        let page: ChangePage = self
            .client
            .get("find the newest change", "changes", &query)
            .await?;
        Ok(page.next)
    }
}

#[async_trait]
impl Upkeep for RemoteStore {
    async fn stage_due(&self, _limit: u32) -> StoreResult<u64> {
        not_over_http("stage what is due")
    }

    async fn expire_waiting(&self, _limit: u32) -> StoreResult<Vec<JobId>> {
        not_over_http("expire waiting jobs")
    }

    async fn age_waiting(&self, _limit: u32) -> StoreResult<Vec<Aged>> {
        not_over_http("age waiting jobs")
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        let asked = PruneRequest {
            older_than: Timeout::After(retention.keep),
            batch: Some(retention.batch.clamp(1, 10_000)),
            dry_run: false,
        };
        Ok(self.pruned(&asked).await?.pruned)
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        let asked = PruneRequest {
            older_than: Timeout::After(keep),
            batch: None,
            dry_run: true,
        };
        Ok(Count(self.pruned(&asked).await?.prunable))
    }

    async fn tend_storage(&self, _retention: Retention) -> StoreResult<()> {
        // The server does so with the last batch of a pruning.
        Ok(())
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.client.get("audit the tables", "breaches", &()).await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        self.client.get("diagnose", "findings", &()).await
    }
}

impl RemoteStore {
    async fn pruned(&self, asked: &PruneRequest) -> StoreResult<PruneAnswer> {
        self.client
            .send("prune", Method::POST, "prune", asked)
            .await
    }
}
