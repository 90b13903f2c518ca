//! How a job is named on the command line: by its id, or as `last`.

use std::str::FromStr;

use longshore_core::JobId;
use longshore_core::store::Store;

use crate::exit::Refused;

/// A job as a person names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobRef {
    /// By its id.
    Id(JobId),
    /// The newest.
    Last,
}

impl FromStr for JobRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "last" {
            return Ok(Self::Last);
        }
        text.parse()
            .map(Self::Id)
            .map_err(|_| "a job is named by its id, a number, or by `last`, the newest".to_owned())
    }
}

impl JobRef {
    /// The job's id.
    pub async fn resolve(self, store: &dyn Store) -> anyhow::Result<JobId> {
        match self {
            Self::Id(job) => Ok(job),
            Self::Last => store.newest_job().await?.ok_or_else(|| {
                Refused::failed("there is no last job: none was submitted yet")
                    .hint("`longshore submit -- echo hello` submits one")
                    .into()
            }),
        }
    }

    /// The ids of several, in their order.
    pub async fn resolve_all(jobs: &[Self], store: &dyn Store) -> anyhow::Result<Vec<JobId>> {
        let mut ids = Vec::with_capacity(jobs.len());
        for job in jobs {
            ids.push(job.resolve(store).await?);
        }
        Ok(ids)
    }
}
