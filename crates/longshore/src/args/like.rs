//! A job as asked for: from the flags alone, or like another job with the flags over it.

use longshore_core::spec::{MASK, ValidSpec};
use longshore_core::store::Store;

use super::{JobRef, Overlay};
use crate::exit::Refused;

/// What is to be submitted.
pub enum Asked {
    /// What the flags say.
    New(Box<ValidSpec>),
    /// Another job's spec, environment included and idempotency key left out, and over it what the
    /// flags say.
    Like {
        /// The other job.
        job: JobRef,
        /// The flags.
        overlay: Overlay,
    },
}

impl Asked {
    /// The job, checked.
    pub async fn spec(self, store: &dyn Store) -> anyhow::Result<ValidSpec> {
        let (job, overlay) = match self {
            Self::New(spec) => return Ok(*spec),
            Self::Like { job, overlay } => (job, overlay),
        };
        let job = job.resolve(store).await?;
        let mut spec = store.show_job(job).await?.spec;
        if store.kind() == "http" && spec.env.values().any(|value| value.reveal() == MASK) {
            let problem = format!(
                "like job {job}: the server does not show the values of its environment, \
                 so that they can't be copied"
            );
            let hint = "ask the database itself (--database), or an operator's token shows those \
                        that are not secret";
            return Err(Refused::failed(problem).hint(hint).into());
        }
        // The key names that one submission.
        spec.idempotency_key = None;
        let spec = overlay.over(serde_json::to_value(&spec)?);
        spec.map_err(|error| Refused::failed(format!("like job {job}: {error}")).into())
    }
}
