//! The same request for several jobs, named or found: each is reported, and one that fails holds
//! back no other.

use std::fmt::Display;

use futures_util::StreamExt as _;
use futures_util::stream;
use longshore_core::store::{JobFilter, JobSummary, Store, StoreError};
use longshore_core::{JobId, State};

use super::{confirm, list};
use crate::args::{JobFilterArgs, JobRef, Targets};
use crate::context::Context;
use crate::exit::{self, Exit, Refused};
use crate::output;
use crate::status;

/// Where their order does not matter, requests that are on their way at once: stores commit those
/// together that come together.
const AT_ONCE: usize = 16;
/// So many requests take a moment that is worth a status line.
const MANY: usize = 100;

/// What is asked of jobs.
pub struct Request {
    /// As people say it: `cancel`.
    pub verb: &'static str,
    /// The states of a job that it can be asked of.
    pub possible: &'static [State],
    /// Whether jobs join a line by it, so that older ones go first.
    pub is_ordered: bool,
}

/// Asks `act` of each job and writes the word that it answers with. Goes on past jobs that it
/// can't be done to; stops at a fault of the system, which the next one would meet too. Whether
/// anybody reads the answers changes nothing of what is done.
pub async fn job<W: Display>(
    context: &mut Context,
    targets: &Targets,
    request: &Request,
    act: impl AsyncFn(&dyn Store, JobId) -> anyhow::Result<W>,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let named = !targets.jobs.is_empty();
    let jobs = if named {
        JobRef::resolve_all(&targets.jobs, &*store).await?
    } else {
        find(&*store, &targets.filter, request).await?
    };
    if targets.dry_run {
        return show(context, &*store, &jobs, request).await;
    }
    if jobs.is_empty() {
        output::talk("no job fits");
        return Ok(Exit::DONE);
    }
    let what = || format!("{} {}", request.verb, jobs_in_words(jobs.len() as u64));
    if !named && !targets.yes && !confirm::agreed(&what())? {
        return Ok(Exit::FAILED);
    }
    let at_once = if named || request.is_ordered {
        1
    } else {
        AT_ONCE
    };
    let mut answers = stream::iter(&jobs)
        .map(async |job| (*job, act(&*store, *job).await))
        .buffered(at_once);
    let _line = status::TakenAway;
    let (mut done, mut moved_on) = (0, 0);
    let mut exit = Exit::DONE;
    let mut written = Ok(());
    while let Some((job, answer)) = answers.next().await {
        match answer {
            Ok(word) if written.is_ok() => written = context.out.line(&format!("{job} {word}")),
            Ok(_) => {}
            Err(error) if exit::code_of(&error) == Exit::UNAVAILABLE => return Err(error),
            // It was found a moment ago, and has changed since.
            Err(error) if !named && is_too_late(&error) => moved_on += 1,
            Err(error) => exit = exit::report(&error),
        }
        done += 1;
        if jobs.len() >= MANY {
            status::progress(request.verb, done, jobs.len());
        }
    }
    if moved_on > 0 {
        let verb = request.verb;
        output::talk(&format!(
            "{moved_on} had changed meanwhile: nothing to {verb}"
        ));
    }
    exit.unless_unheard(written)
}

/// Every job that fits and that it can be asked of, oldest first.
async fn find(
    store: &dyn Store,
    filter: &JobFilterArgs,
    request: &Request,
) -> anyhow::Result<Vec<JobId>> {
    let filter = filter.clone().into_filter(store.now().await?)?;
    let states: Vec<State> = if filter.states.is_empty() {
        request.possible.to_vec()
    } else {
        let asked = filter.states.iter().copied();
        asked
            .filter(|state| request.possible.contains(state))
            .collect()
    };
    if states.is_empty() {
        let possible: Vec<&str> = request
            .possible
            .iter()
            .map(|state| state.as_str())
            .collect();
        return Err(Refused::usage(format!(
            "--state: there is nothing to {} there; it can be asked of jobs that are {}",
            request.verb,
            possible.join(", ")
        ))
        .into());
    }
    let mut filter = JobFilter {
        states,
        limit: JobFilter::MAX_PAGE,
        ..filter
    };
    let mut jobs = Vec::new();
    loop {
        let page = store.list_jobs(&filter).await?;
        jobs.extend(page.jobs.iter().map(|job| job.id));
        if page.next.is_none() {
            jobs.reverse();
            return Ok(jobs);
        }
        filter.before = page.next;
    }
}

/// The most jobs that a dry run shows in full.
const SHOWN: usize = 20;

/// What it would be done to.
async fn show(
    context: &mut Context,
    store: &dyn Store,
    jobs: &[JobId],
    request: &Request,
) -> anyhow::Result<Exit> {
    let now = store.now().await?;
    let mut shown: Vec<JobSummary> = Vec::new();
    for job in jobs.iter().take(SHOWN) {
        shown.push(store.show_job(*job).await?.summary);
    }
    if !shown.is_empty() {
        list::write_page(&mut context.out, &shown, now)?;
    }
    let (verb, count) = (request.verb, jobs.len());
    let rest = if count > SHOWN {
        format!(", of which these are the first {SHOWN}")
    } else {
        String::new()
    };
    output::talk(&format!(
        "would {verb} {}{rest}; nothing was done",
        jobs_in_words(count as u64)
    ));
    Ok(Exit::DONE)
}

/// How many, with the word.
pub fn jobs_in_words(count: u64) -> String {
    match count {
        1 => "1 job".to_owned(),
        count => format!("{count} jobs"),
    }
}

fn is_too_late(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let refused = cause
            .downcast_ref::<Refused>()
            .is_some_and(Refused::is_failure);
        let store = cause.downcast_ref::<StoreError>();
        refused
            || matches!(
                store,
                Some(StoreError::Illegal { .. } | StoreError::UnknownJob(_))
            )
    })
}
