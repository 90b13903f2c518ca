//! The same request for several jobs: each is reported, and one that fails holds back no other.

use longshore_core::JobId;
use longshore_core::store::Store;

use crate::args::JobRef;
use crate::context::Context;
use crate::exit::{self, Exit};

/// Asks `act` of each job and writes the word that it answers with. Goes on past jobs that it
/// can't be done to; stops at a fault of the system, which the next one would meet too. Whether
/// anybody reads the answers changes nothing of what is done.
pub async fn job(
    context: &mut Context,
    jobs: &[JobRef],
    act: impl AsyncFn(&dyn Store, JobId) -> anyhow::Result<&'static str>,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let jobs = JobRef::resolve_all(jobs, &*store).await?;
    let mut exit = Exit::DONE;
    let mut written = Ok(());
    for job in jobs {
        match act(&*store, job).await {
            Ok(word) if written.is_ok() => written = context.out.line(&format!("{job} {word}")),
            Ok(_) => {}
            Err(error) if exit::code_of(&error) == Exit::UNAVAILABLE => return Err(error),
            Err(error) => exit = exit::report(&error),
        }
    }
    exit.unless_unheard(written)
}
