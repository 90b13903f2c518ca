//! `longshore doctor`: what is wrong, and what to do about it.

mod fleet;
mod here;

use longshore_core::store::{Finding, Severity, Store, StoreError};

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::output::{Out, words};

/// Look for problems, and say what to do about each
///
/// Looks at the configuration and who may read it, the database (reachable, its schema, its
/// settings, its clock, its own rules), queues that nobody serves, workers and hosts, and what this
/// machine can run. Ends with 1 if it found a problem.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore doctor")]
pub struct Args {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// Looks.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let mut findings = vec![here::version(), here::configuration(&context.config)];
    findings.extend(here::unknown_variables());
    findings.push(found(
        Severity::Ok,
        "address",
        match context.server() {
            Some(server) => server.to_owned(),
            None => context.address()?.to_string(),
        },
        "",
    ));
    match context.store().await {
        Ok(store) => {
            findings.extend(of_store(&*store).await);
            match fleet::findings(&*store).await {
                Ok(of_fleet) => findings.extend(of_fleet),
                Err(error) => findings.push(unreachable(&error.into())),
            }
        }
        Err(error) => findings.push(unreachable(&error)),
    }
    findings.extend(crate::executors::findings(&context.config.docker).await);
    let worst = findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or(Severity::Ok);
    if args.json {
        context.out.json(&findings)?;
    } else {
        write(&mut context.out, &findings)?;
    }
    Ok(match worst {
        Severity::Problem => Exit::FAILED,
        Severity::Ok | Severity::Warning => Exit::DONE,
    })
}

/// A finding.
pub fn found(severity: Severity, subject: &str, seen: impl Into<String>, advice: &str) -> Finding {
    let (subject, advice) = (subject.to_owned(), advice.to_owned());
    Finding {
        severity,
        subject,
        seen: seen.into(),
        advice,
    }
}

fn unreachable(error: &anyhow::Error) -> Finding {
    match error.downcast_ref() {
        Some(StoreError::Denied { .. }) => {
            let advice = "the token of an operator shows it";
            return found(Severity::Warning, "server", exit::one_line(error), advice);
        }
        Some(StoreError::ServerUnavailable { .. }) => {
            let advice = "see whether the server runs, and whether --server, LONGSHORE_SERVER or the \
                          configuration names the right one";
            return found(Severity::Problem, "server", exit::one_line(error), advice);
        }
        _ => {}
    }
    let advice = "see whether the database runs, and whether --database, LONGSHORE_DATABASE_URL \
                  or the configuration names the right one";
    found(Severity::Problem, "database", exit::one_line(error), advice)
}

async fn of_store(store: &dyn Store) -> Vec<Finding> {
    let mut findings = match store.diagnose().await {
        Ok(findings) => findings,
        Err(error) => return vec![unreachable(&error.into())],
    };
    match store.audit().await {
        Ok(breaches) if breaches.is_empty() => {
            findings.push(found(
                Severity::Ok,
                "audit",
                "every job is in exactly one place",
                "",
            ));
        }
        Ok(breaches) => findings.extend(breaches.into_iter().map(|breach| {
            found(
                Severity::Problem,
                "audit",
                breach,
                "keep a copy of the database and report this",
            )
        })),
        Err(error) => findings.push(unreachable(&error.into())),
    }
    findings
}

/// One line for each finding, whole, and beneath it what to do.
fn write(out: &mut Out, findings: &[Finding]) -> anyhow::Result<()> {
    for Finding {
        severity,
        subject,
        seen,
        advice,
    } in findings
    {
        let mark = match severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Problem => "PROBLEM",
        };
        out.line(&words::one_line(&format!("{mark:<8} {subject}: {seen}")))?;
        if !advice.is_empty() {
            out.line(&words::one_line(&format!("{:<8} -> {advice}", "")))?;
        }
    }
    Ok(())
}
