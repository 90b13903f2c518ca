//! `longshore hosts test`: asks the hosts that this machine reaches, as a worker would.

use std::time::Instant;

use longshore_core::spec::format_duration;
use serde::Serialize;

use crate::args::EngineArgs;
use crate::context::Context;
use crate::executors::{self, Missing};
use crate::exit::Exit;
use crate::output;
use crate::output::table::{self, Column, Table};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only those with this name, as the engine or machine calls itself
    host: Option<String>,
    #[command(flatten)]
    engines: EngineArgs,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// What one host said, or why it said nothing.
#[derive(Serialize)]
struct Tested {
    executor: String,
    address: Option<String>,
    name: Option<String>,
    identity: Option<String>,
    /// How long its answer took.
    answered_after_micros: Option<u64>,
    problem: Option<String>,
}

/// Asks.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let found = executors::find(&context.config.docker, &args.engines).await?;
    let mut tested = Vec::new();
    for executor in &found.executors {
        let asked = Instant::now();
        let host = executor.host().await;
        let took = asked.elapsed();
        tested.push(match host {
            Ok(host) => Tested {
                executor: host.executor,
                address: None,
                name: Some(host.name),
                identity: Some(host.identity),
                answered_after_micros: u64::try_from(took.as_micros()).ok(),
                problem: None,
            },
            Err(error) => unanswered(executor.kind(), None, error.to_string()),
        });
    }
    for missing in found.missing {
        let Missing { address, error } = missing;
        tested.push(unanswered(
            longshore_docker::KIND,
            address,
            error.to_string(),
        ));
    }
    if let Some(wanted) = &args.host {
        tested.retain(|tested| tested.name.as_ref() == Some(wanted));
        if tested.is_empty() {
            output::talk(&format!("this machine reaches no host called {wanted:?}"));
            output::hint("without a name, `longshore hosts test` shows those that it reaches");
            return Ok(Exit::FAILED);
        }
    }
    let is_well = tested.iter().all(|tested| tested.problem.is_none());
    if args.json {
        context.out.json(&tested)?;
    } else {
        write(context, &tested)?;
    }
    Ok(if is_well { Exit::DONE } else { Exit::FAILED })
}

fn unanswered(kind: &str, address: Option<String>, problem: String) -> Tested {
    Tested {
        executor: kind.to_owned(),
        address,
        name: None,
        identity: None,
        answered_after_micros: None,
        problem: Some(problem),
    }
}

fn write(context: &mut Context, tested: &[Tested]) -> anyhow::Result<()> {
    use Column::{Long, Numbers, Words};
    let columns = [
        Words("EXECUTOR"),
        Long("NAME"),
        Long("IDENTITY"),
        Numbers("ANSWERED"),
    ];
    let mut table = Table::new(&context.out, &columns);
    let answered = |micros| format_duration(std::time::Duration::from_micros(micros));
    for tested in tested.iter().filter(|tested| tested.problem.is_none()) {
        table.row([
            table::cell(&tested.executor),
            table::optional(tested.name.as_ref()),
            table::optional(tested.identity.as_ref()),
            table::optional(tested.answered_after_micros.map(answered)),
        ]);
    }
    table.write(&mut context.out)?;
    context.out.flush()?;
    for tested in tested {
        let Some(problem) = &tested.problem else {
            continue;
        };
        // The first line says what is wrong; the others, where it was looked for and what to do.
        let mut lines = problem.lines();
        let first = lines.next().unwrap_or_default();
        let address = tested.address.as_deref().unwrap_or(&tested.executor);
        output::talk(&output::words::one_line(&format!("{address}: {first}")));
        for line in lines {
            output::hint(&output::words::one_line(line.trim()));
        }
    }
    Ok(())
}
