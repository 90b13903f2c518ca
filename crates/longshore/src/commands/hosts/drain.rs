//! `longshore hosts drain`: disables a host and waits until nothing runs on it.

use std::time::Duration;

use longshore_core::host::HostChange;
use longshore_core::spec::parse_duration;
use tokio::time::{Instant, sleep};

use super::named;
use crate::commands::signals::Interrupts;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output;

/// Between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(500);

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Its name or id
    host: String,
    /// How long to wait at most [default: as long as it takes]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// Disables it, and waits.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    let store = context.store().await?;
    let host = named(&*store, &args.host).await?;
    let change = HostChange {
        enabled: Some(false),
        ..HostChange::default()
    };
    store.change_host(host.id, &change).await?;
    let name = host.facts.name;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut said = None;
    loop {
        let now = store.hosts().await?.into_iter().find(|h| h.id == host.id);
        let running = now.map_or(0, |host| host.used.slots);
        if running == 0 {
            context
                .out
                .line(&format!("{name}: disabled, nothing runs on it"))?;
            return Ok(Exit::DONE);
        }
        if said != Some(running) {
            let jobs = jobs(running);
            output::talk(&format!("{name} is disabled; waiting for {jobs}"));
            said = Some(running);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(
                Refused::failed(format!("{} on {name}", still_running(running)))
                    .hint(format!(
                        "it stays disabled: `longshore hosts enable {name}` takes that back"
                    ))
                    .into(),
            );
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = interrupts.next() => {
                output::talk(&format!("not waiting any more; {name} stays disabled"));
                output::hint(&format!("`longshore hosts enable {name}` takes that back"));
                return Ok(Exit::INTERRUPTED);
            }
        }
    }
}

fn jobs(number: u32) -> String {
    match number {
        1 => "1 job".to_owned(),
        _ => format!("{number} jobs"),
    }
}

fn still_running(number: u32) -> String {
    let verb = if number == 1 { "runs" } else { "run" };
    format!("{} still {verb}", jobs(number))
}
