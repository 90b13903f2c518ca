//! The form that submits a job.

mod typed;

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use longshore_client::api::Problem;
use longshore_core::access::Role;

use self::typed::Said;
use super::page::{Page, Shown, see, shown};
use super::session::Visitor;
use crate::access::audit::Subject;
use crate::app::App;
use crate::error::{Answer, Failure};
use crate::routes;

/// How a field is typed in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Line,
    Number,
    Moment,
    Lines,
    Code,
}

/// A field of the form, with what stands in it and what is wrong with that.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    kind: Kind,
    value: String,
    problem: Option<String>,
}

/// What is wrong.
struct Wrong {
    /// With which field, if with one.
    field: String,
    /// Beside that field.
    said: String,
    /// By itself.
    whole: String,
}

impl Wrong {
    fn of(problem: &Problem) -> Self {
        let field = problem.field.as_deref().unwrap_or_default();
        // `env.PATH` and `labels["a"]` are in the fields of those names.
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let hint = problem.hint.as_deref();
        let whole = match hint.filter(|_| problem.field.is_none()) {
            Some(hint) => format!("{}; {hint}", problem.detail),
            None => problem.detail.clone(),
        };
        Self {
            field: field[..end].to_owned(),
            said: hint.unwrap_or(&whole).to_owned(),
            whole,
        }
    }
}

#[derive(Template)]
#[template(path = "submit.html")]
struct SubmitPage {
    page: Page,
    what: Vec<Field>,
    how: Vec<Field>,
    further: Vec<Field>,
    queues: Vec<String>,
    queue: String,
    hold: bool,
    /// What is wrong with no field of the form alone.
    problem: Option<String>,
    opens_further: bool,
}

async fn page(app: &App, visitor: &Visitor, said: &Said, wrong: Option<Wrong>) -> Shown {
    let field = |name, label, hint, kind, value: &str| Field {
        name,
        label,
        hint,
        kind,
        value: value.to_owned(),
        problem: wrong
            .as_ref()
            .filter(|wrong| wrong.field == name)
            .map(|wrong| wrong.said.clone()),
    };
    let what = vec![
        field(
            "image",
            "Image",
            "such as alpine:3.20; none for a command on the worker's own host",
            Kind::Line,
            &said.image,
        ),
        field(
            "command",
            "Command",
            "as a shell reads it: quotes keep words together, nothing is replaced",
            Kind::Line,
            &said.command,
        ),
        field("name", "Name", "for people", Kind::Line, &said.name),
    ];
    let how = vec![
        field(
            "priority",
            "Priority",
            "0 to 100, higher first; 50 when empty",
            Kind::Number,
            &said.priority,
        ),
        field(
            "scheduled_for",
            "Not before",
            "in UTC",
            Kind::Moment,
            &said.scheduled_for,
        ),
        field(
            "run_timeout",
            "May run for",
            "such as 90s or 2h; 1h when empty",
            Kind::Line,
            &said.run_timeout,
        ),
        field(
            "max_retries",
            "Retries",
            "when it fails",
            Kind::Number,
            &said.max_retries,
        ),
        field(
            "memory",
            "Memory",
            "at most, such as 512m",
            Kind::Line,
            &said.memory,
        ),
        field(
            "cpus",
            "CPUs",
            "at most, such as 1.5",
            Kind::Line,
            &said.cpus,
        ),
    ];
    let further = vec![
        field(
            "labels",
            "Labels",
            "KEY=VALUE, one a line",
            Kind::Lines,
            &said.labels,
        ),
        field(
            "env",
            "Environment",
            "KEY=VALUE, one a line",
            Kind::Lines,
            &said.env,
        ),
        field(
            "secret_env",
            "Secret variables",
            "names of those whose values nobody is shown",
            Kind::Line,
            &said.secret_env,
        ),
        field(
            "more",
            "Further fields",
            "as JSON, such as {\"user\": \"1000\", \"retry_exit_codes\": [75]}",
            Kind::Code,
            &said.more,
        ),
    ];
    let is_there = |fields: &[Field]| fields.iter().any(|field| field.problem.is_some());
    let problem = wrong.as_ref().map(|wrong| wrong.whole.clone());
    let problem = problem.filter(|_| {
        ![&what, &how, &further]
            .into_iter()
            .any(|fields| is_there(fields))
    });
    let has_further = further
        .iter()
        .any(|field| !field.value.is_empty() || field.problem.is_some());
    let queues = app.store.queues().await?;
    shown(&SubmitPage {
        page: Page::new("Submit a job", "submit", visitor).still(),
        what,
        how,
        opens_further: has_further,
        further,
        queues: queues.into_iter().map(|queue| queue.name).collect(),
        queue: said.queue.clone(),
        hold: !said.hold.is_empty(),
        problem,
    })
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Shown {
    visitor.caller.needs(Role::Submitter, "this")?;
    page(&app, &visitor, &Said::default(), None).await
}

pub(super) async fn submit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Submitter, "this")?;
    let submitted: Answer<_> = match said.job() {
        Ok(job) => routes::submit(&app, &visitor.caller, &[job]).await,
        Err(error) => Err(error.into()),
    };
    match submitted {
        Ok(submitted) => {
            let job = submitted.first().map(|submitted| submitted.job);
            let mut response =
                see(&job.map_or_else(|| "/jobs".to_owned(), |job| format!("/jobs/{job}")));
            let subject = job.map_or_else(|| "no job".to_owned(), |job| format!("job {job}"));
            response.extensions_mut().insert(Subject(subject));
            Ok(response)
        }
        // What was typed is not lost.
        Err(Failure(problem)) if problem.status < 500 => {
            let mut response = page(&app, &visitor, &said, Some(Wrong::of(&problem))).await?;
            *response.status_mut() =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok(response)
        }
        Err(failure) => Err(failure.into()),
    }
}
