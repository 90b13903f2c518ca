//! The same request for the jobs that were chosen, or for all that fit what the list shows: looked at first,
//! then done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Form;
use axum::extract::State as With;
use axum_extra::extract::Query;
use longshore_client::api::{BulkAnswer, JobAction};
use longshore_core::access::Role;
use longshore_core::spec::FieldError;
use longshore_core::store::{JobFilter, StoreError};
use longshore_core::{JobId, Timestamp};
use serde::Deserialize;

use super::confirm::Confirm;
use super::jobs::{PATIENCE, Row};
use super::page::{Page, Shown, Trouble, shown};
use super::session::Visitor;
use super::which::Which;
use super::words::typed_priority;
use crate::access::audit::Subject;
use crate::app::App;
use crate::error::Failure;
use crate::routes::{each, one_page, priority_of, within_reach};

/// Jobs of one question to the store, when they are counted.
const COUNTED: u32 = JobFilter::MAX_PAGE;
/// Jobs that are done before the clock is looked at.
const STEP: u32 = 100;
/// After this long the rest is left to another press of the button.
const AT_ONCE: Duration = Duration::from_secs(5);
/// A list has fewer.
const MOST_CHOSEN: usize = 100;
/// Jobs that are shown.
const SHOWN: usize = 10;

/// What is asked, and of which jobs if some were chosen.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    action: JobAction,
    #[serde(default)]
    job: Vec<JobId>,
}

impl Asked {
    /// Whether no more were chosen than a list has.
    fn check(&self) -> Result<(), FieldError> {
        if self.job.len() > MOST_CHOSEN {
            let problem = format!("at most {MOST_CHOSEN} can be chosen");
            return Err(FieldError::new("job", problem));
        }
        Ok(())
    }

    /// The same in an address, from this job on.
    fn in_address(&self, which: &Which) -> String {
        let mut parts = vec![format!("action={}", word(self.action))];
        parts.extend(self.job.iter().map(|job| format!("job={job}")));
        let which = which.in_address();
        parts.extend(Some(which).filter(|which| !which.is_empty()));
        format!("/jobs/bulk?{}", parts.join("&"))
    }
}

/// As addresses have it.
fn word(action: JobAction) -> &'static str {
    match action {
        JobAction::Cancel => "cancel",
        JobAction::Retry => "retry",
        JobAction::Hold => "hold",
        JobAction::Release => "release",
        JobAction::Priority => "priority",
    }
}

/// What it is called, what it does, and how it is said when it was done.
fn words(action: JobAction) -> (&'static str, &'static str, &'static str) {
    match action {
        JobAction::Cancel => (
            "Cancel",
            "What waits never runs; what runs is stopped by its worker. This can't be taken back.",
            "cancelled, or their workers asked to stop them",
        ),
        JobAction::Retry => (
            "Try again",
            "Each gets another attempt, now.",
            "queued again",
        ),
        JobAction::Hold => (
            "Hold",
            "They leave their lines until they are released.",
            "on hold",
        ),
        JobAction::Release => (
            "Release",
            "They go back to the end of their lines.",
            "queued",
        ),
        JobAction::Priority => (
            "Give a priority to",
            "They go to the end of the line of their new priority. Higher goes first.",
            "moved",
        ),
    }
}

fn jobs(count: usize) -> String {
    if count == 1 {
        "1 job".to_owned()
    } else {
        format!("{count} jobs")
    }
}

/// Says of how many, and asks.
pub(super) async fn ask(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
    Query(which): Query<Which>,
) -> Shown {
    visitor.caller.needs(Role::Operator, "this")?;
    let now = app.store.now().await?;
    let (count, is_all, rows) = if asked.job.is_empty() {
        fitting(&app, asked.action, &which, now).await?
    } else {
        let rows = chosen(&app, &asked, now).await?;
        (rows.len(), true, rows.into_iter().take(SHOWN).collect())
    };
    // Jobs that come after the question was asked are none of those that it was asked of.
    let which = Which {
        until: Some(which.until.unwrap_or(now)),
        ..which
    };
    let back = Which {
        until: None,
        ..which.clone()
    };
    let back = format!("/jobs?{}", back.in_address());
    let (name, about, _) = words(asked.action);
    if count == 0 && is_all {
        return shown(&Done {
            page: Page::new("None of them can be asked for that", "jobs", &visitor).still(),
            moved_on: 0,
            failed: Vec::new(),
            rest: None,
            priority: None,
            back,
        });
    }
    let of = if is_all {
        jobs(count)
    } else {
        format!("{count} jobs or more")
    };
    let page = Page::new(format!("{name} {of}?"), "jobs", &visitor);
    shown(&Confirm {
        rows,
        takes_priority: asked.action == JobAction::Priority,
        is_danger: asked.action == JobAction::Cancel,
        no: "Let them be",
        ..Confirm::of(
            page,
            about,
            asked.in_address(&which),
            &format!("{name} {of}"),
            back,
        )
    })
}

/// The chosen ones of which it can be asked. Those that are there no more were taken away meanwhile.
async fn chosen(app: &App, asked: &Asked, now: Timestamp) -> Result<Vec<Row>, Trouble> {
    asked.check()?;
    let possible = asked.action.possible();
    let mut rows = Vec::new();
    for job in &asked.job {
        match app.store.show_job(*job).await {
            Ok(detail) if possible.contains(&detail.summary.state) => {
                rows.push(Row::new(&detail.summary, now));
            }
            Ok(_) | Err(StoreError::UnknownJob(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rows)
}

/// How many fit, as far as they can be counted while a page is made, whether that is all, and the first of
/// them.
async fn fitting(
    app: &App,
    action: JobAction,
    which: &Which,
    now: Timestamp,
) -> Result<(usize, bool, Vec<Row>), Trouble> {
    let mut filter = within_reach(which.query(COUNTED)?.into_filter()?, action)?;
    let (mut count, mut rows) = (0, Vec::new());
    let begun = Instant::now();
    loop {
        let page = app.store.list_jobs(&filter).await?;
        count += page.jobs.len();
        let room = SHOWN.saturating_sub(rows.len());
        rows.extend(page.jobs.iter().take(room).map(|job| Row::new(job, now)));
        filter.before = page.next;
        if page.next.is_none() || begun.elapsed() > PATIENCE {
            return Ok((count, page.next.is_none(), rows));
        }
    }
}

/// What the button sends.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    #[serde(default)]
    priority: Option<String>,
}

#[derive(Template)]
#[template(path = "done.html")]
struct Done {
    page: Page,
    moved_on: usize,
    failed: Vec<String>,
    /// Where the rest is done, if some is left.
    rest: Option<String>,
    priority: Option<String>,
    back: String,
}

/// Does it, for as long as a person waits.
pub(super) async fn act(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
    Query(mut which): Query<Which>,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Operator, "this")?;
    let priority = said.priority.as_deref().map(typed_priority);
    let priority = priority_of(asked.action, priority.transpose()?)?;
    let store = &*app.store;
    let mut sum = BulkAnswer::default();
    let broken = if asked.job.is_empty() {
        let mut filter = within_reach(which.query(STEP)?.into_filter()?, asked.action)?;
        let begun = Instant::now();
        loop {
            let done = one_page(store, asked.action, priority, &filter, &mut sum).await;
            if let Err(failure) = done {
                // The same page again does the rest of it.
                sum.next = filter.before;
                break Some(failure);
            }
            filter.before = sum.next;
            if sum.next.is_none() || begun.elapsed() > AT_ONCE {
                break None;
            }
        }
    } else {
        asked.check()?;
        let jobs = asked.job.iter().copied();
        let done = each(store, asked.action, priority, jobs, &mut sum).await;
        done.err()
    };
    let is_broken = broken.is_some();
    let done = jobs(sum.done.len());
    let subject = format!("{} of {done}", word(asked.action));
    let (.., what) = words(asked.action);
    which.before = sum.next;
    let rest = sum.next.is_some() || is_broken;
    let rest = rest.then(|| asked.in_address(&which));
    let back = Which {
        until: None,
        before: None,
        ..which
    };
    let mut response = shown(&Done {
        page: Page::new(format!("{done}: {what}"), "jobs", &visitor).still(),
        moved_on: sum.moved_on.len(),
        failed: problems(&sum, broken),
        rest,
        priority: said.priority,
        back: format!("/jobs?{}", back.in_address()),
    })?;
    response.extensions_mut().insert(Subject(subject));
    Ok(response)
}

/// What could not be done, and what ended it before its end.
fn problems(sum: &BulkAnswer, broken: Option<Failure>) -> Vec<String> {
    let failed = sum.failed.iter().take(SHOWN);
    let mut problems: Vec<String> = failed
        .map(|failure| format!("job {}: {}", failure.job, failure.problem))
        .collect();
    let others = sum.failed.len().saturating_sub(SHOWN);
    if others > 0 {
        problems.push(format!("and {}", jobs(others)));
    }
    problems.extend(broken.map(|Failure(problem)| format!("It stopped there: {}", problem.detail)));
    problems
}
