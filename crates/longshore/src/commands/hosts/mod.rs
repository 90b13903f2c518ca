//! `longshore hosts`: the machines and engines that workers launch on.

mod change;
mod drain;
mod probe;

use clap::Subcommand;
use longshore_core::host::{Capacity, Host};
use longshore_core::spec::format_bytes;
use longshore_core::store::Store;
use longshore_core::suggest;

use crate::args::LabelArg;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output::table::{self, Column, Table};
use crate::output::{self, Out, words};

/// See and change the hosts that jobs run on
///
/// A host is a machine, or a container engine, that some worker reaches; it is known from the
/// first worker that reached it. Its name stands for it; where a machine and its engine share one,
/// EXECUTOR/NAME or the id does.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore hosts set build-1 --slots 8 --memory 32g")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List hosts
    #[command(after_help = "Example: longshore hosts list")]
    #[command(visible_alias = "ls")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show a host
    #[command(after_help = "Example: longshore hosts show build-1")]
    Show {
        /// Its name or id
        host: String,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Let a host get jobs again
    #[command(after_help = "Example: longshore hosts enable build-1")]
    Enable {
        /// Its name or id
        host: String,
    },
    /// Give a host no more jobs; what runs goes on
    #[command(after_help = "Example: longshore hosts disable build-1")]
    Disable {
        /// Its name or id
        host: String,
    },
    /// Give a host no more jobs, and wait until nothing runs on it
    ///
    /// It stays disabled after that, until `longshore hosts enable`. Nothing is stopped: when the
    /// time is over, or at Ctrl-C, what still runs goes on.
    #[command(after_help = "Example: longshore hosts drain build-1 --timeout 30m")]
    Drain(drain::Args),
    /// Set labels of a host, for queues that choose their hosts
    ///
    /// KEY=VALUE sets a label, KEY- takes it away.
    #[command(after_help = "Example: longshore hosts label build-1 gpu=a100 old-")]
    Label {
        /// Its name or id
        host: String,
        /// KEY=VALUE, or KEY-
        #[arg(required = true, value_name = "LABEL")]
        labels: Vec<LabelArg>,
    },
    /// Set how much runs on a host at once, and how much it is preferred
    ///
    /// Over all workers that launch there. The memory and CPUs of a job are the limits that it was
    /// submitted with; a job without any counts for nothing. A lower capacity stops nothing that
    /// runs: it holds back new starts.
    #[command(
        after_help = "Example: longshore hosts set build-1 --slots 8 --memory 32g --cpus none"
    )]
    Set(change::Set),
    /// Say that a host is gone for good, so that the jobs on it run again elsewhere
    ///
    /// For a machine that will not come back, or whose disk was replaced. Nobody can look whether its
    /// containers still run: if it was only cut off, its jobs run twice until it is reached again, and
    /// then those of before are stopped. Refused while a worker reaches it.
    #[command(after_help = "Example: longshore hosts forget build-1 --yes")]
    Forget {
        /// Its name or id
        host: String,
        /// Do not ask first
        #[arg(long, short)]
        yes: bool,
    },
    /// Ask the hosts that this machine reaches, as a worker would
    ///
    /// Needs no database. What can't be reached is said with what to do about it.
    #[command(after_help = "Example: longshore hosts test --docker-host tcp://build-1:2376")]
    Test(probe::Args),
}

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::List { json } => {
            let hosts = context.store().await?.hosts().await?;
            if json {
                context.out.json(&hosts)?;
            } else if hosts.is_empty() {
                output::talk("no host is known yet");
                output::hint("a host is known from the first `longshore worker` that reaches it");
            } else {
                let now = context.store().await?.now().await?;
                write_table(&mut context.out, &hosts, now)?;
            }
        }
        Action::Show { host, json } => {
            let store = context.store().await?;
            let host = named(&*store, &host).await?;
            if json {
                context.out.json(&host)?;
            } else {
                let now = store.now().await?;
                write_facts(&mut context.out, &host, now)?;
            }
        }
        Action::Enable { host } => change::enabled(context, &host, true).await?,
        Action::Disable { host } => change::enabled(context, &host, false).await?,
        Action::Drain(args) => return drain::run(context, args).await,
        Action::Label { host, labels } => change::labels(context, &host, labels).await?,
        Action::Set(args) => change::set(context, args).await?,
        Action::Forget { host, yes } => return change::forget(context, &host, yes).await,
        Action::Test(args) => return probe::run(context, args).await,
    }
    Ok(Exit::DONE)
}

/// The host with that name, `EXECUTOR/NAME` or id. A machine and the engine on it often share a
/// name.
async fn named(store: &dyn Store, text: &str) -> anyhow::Result<Host> {
    let hosts = store.hosts().await?;
    let is_called = |host: &&Host| host.facts.name == text || full_name(host) == text;
    let of_name: Vec<&Host> = hosts.iter().filter(is_called).collect();
    let of_id = || hosts.iter().find(|host| host.id.to_string() == text);
    match of_name[..] {
        [host] => Ok(host.clone()),
        [] => match of_id() {
            Some(host) => Ok(host.clone()),
            None => {
                let names = hosts.iter().map(|host| host.facts.name.as_str());
                let hint = suggest::hint(text, names);
                Err(
                    Refused::failed(format!("there is no host {text:?}; {hint}"))
                        .hint("`longshore hosts list` shows those that workers have reached")
                        .into(),
                )
            }
        },
        _ => {
            let each = of_name.iter();
            let each = each.map(|host| format!("{} (id {})", full_name(host), host.id));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(
                Refused::failed(format!("several hosts are called {text:?}"))
                    .hint(format!("say which is meant, by id if need be: {each}"))
                    .into(),
            )
        }
    }
}

fn full_name(host: &Host) -> String {
    format!("{}/{}", host.facts.executor, host.facts.name)
}

/// The most telling words for how it stands.
fn state_of(host: &Host) -> &'static str {
    match (host.forgotten_at, host.enabled, &host.problem) {
        (Some(_), ..) => "gone",
        (None, false, _) => "disabled",
        (None, true, Some(_)) => "unreachable",
        (None, true, None) => "enabled",
    }
}

fn write_table(
    out: &mut Out,
    hosts: &[Host],
    now: longshore_core::Timestamp,
) -> anyhow::Result<()> {
    use Column::{Long, Numbers, Words};
    let columns = [
        Numbers("ID"),
        Long("NAME"),
        Words("EXECUTOR"),
        Words("STATE"),
        Numbers("JOBS"),
        Numbers("MEMORY"),
        Numbers("CPUS"),
        Numbers("WEIGHT"),
        Numbers("SEEN"),
        Long("LABELS"),
    ];
    let mut table = Table::new(out, &columns);
    for host in hosts {
        let [jobs, memory, cpus] = taken(host);
        table.row([
            table::cell(host.id),
            table::cell(&host.facts.name),
            table::cell(&host.facts.executor),
            table::cell(state_of(host)),
            table::cell(jobs),
            table::cell(memory),
            table::cell(cpus),
            table::cell(host.weight),
            table::cell(words::between(host.last_seen_at, now)),
            table::cell(labels_of(host)),
        ]);
    }
    table.write(out)
}

fn write_facts(out: &mut Out, host: &Host, now: longshore_core::Timestamp) -> anyhow::Result<()> {
    let [jobs, memory, cpus] = taken(host);
    let labels = labels_of(host);
    let facts = [
        ("host", Some(host.facts.name.clone())),
        ("id", Some(host.id.to_string())),
        ("executor", Some(host.facts.executor.clone())),
        ("identity", Some(host.facts.identity.clone())),
        ("boot", Some(host.facts.boot_id.clone())),
        ("state", Some(state_of(host).to_owned())),
        ("problem", host.problem.clone()),
        ("seen", Some(words::time_and_age(host.last_seen_at, now))),
        ("jobs", Some(jobs)),
        ("memory", Some(memory)),
        ("cpus", Some(cpus)),
        ("weight", Some(host.weight.to_string())),
        ("labels", (!labels.is_empty()).then_some(labels)),
    ];
    table::facts(out, &facts)
}

/// What runs of what may: jobs, memory, CPUs.
fn taken(host: &Host) -> [String; 3] {
    let Capacity {
        slots,
        memory_bytes,
        millicpus,
    } = host.capacity;
    let of = |used: String, most: Option<String>| match most {
        Some(most) => format!("{used}/{most}"),
        None => used,
    };
    let used = host.used;
    [
        of(used.slots.to_string(), slots.map(|slots| slots.to_string())),
        of(
            format_bytes(used.memory_bytes),
            memory_bytes.map(format_bytes),
        ),
        of(change::cpus(used.millicpus), millicpus.map(change::cpus)),
    ]
}

fn labels_of(host: &Host) -> String {
    let labels = host
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    labels.collect::<Vec<_>>().join(" ")
}
