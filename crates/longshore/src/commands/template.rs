//! `longshore template`: environments that jobs share by name.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use longshore_core::template::{MAX_TEMPLATE_BYTES, Template, parse_template};

use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output::table::{self, Column, Table};
use crate::output::{Out, words};

/// See and save templates of environment variables
///
/// A template is KEY=value lines with # comments. Jobs name templates (--env-template); each
/// launch takes the newest version, and keeps which one it was.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore template save aws aws.env")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List templates: names and versions, no values
    #[command(after_help = "Example: longshore template list")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Write a template's lines, values included
    #[command(after_help = "Example: longshore template show aws")]
    Show {
        /// Its name
        name: String,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Save a template, as a new version if it changed
    #[command(after_help = "Example: longshore template save aws aws.env")]
    Save {
        /// Its name: lower-case letters, digits and . _ -
        name: String,
        /// The file with its lines, - for stdin
        file: PathBuf,
    },
}

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::List { json } => {
            let store = context.store().await?;
            let templates = store.templates().await?;
            let now = store.now().await?;
            if json {
                let listed: Vec<_> = templates.iter().map(without_values).collect();
                context.out.json(&listed)?;
            } else {
                write_table(&mut context.out, &templates, now)?;
            }
        }
        Action::Show { name, json } => {
            let named = context
                .store()
                .await?
                .templates_named(std::slice::from_ref(&name))
                .await?;
            for template in &named {
                if json {
                    context.out.json(template)?;
                } else {
                    context.out.bytes(template.body.as_bytes())?;
                }
            }
        }
        Action::Save { name, file } => {
            longshore_core::spec::check_name("template", &name)
                .map_err(|error| Refused::usage(error.to_string()))?;
            let body = read_body(&file)?;
            let saved = context.store().await?.save_template(&name, &body).await?;
            context
                .out
                .line(&format!("{}: version {}", saved.name, saved.version))?;
        }
    }
    Ok(Exit::DONE)
}

fn read_body(file: &Path) -> anyhow::Result<String> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin {
        "stdin".to_owned()
    } else {
        file.display().to_string()
    };
    let refuse = |problem: String| Refused::failed(format!("{name}: {problem}"));
    let mut body = String::new();
    // One byte more than is allowed tells a body that is too large.
    let most = MAX_TEMPLATE_BYTES as u64 + 1;
    let read = if is_stdin {
        std::io::stdin().lock().take(most).read_to_string(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut body))
    };
    read.map_err(|error| refuse(format!("can't be read: {error}")))?;
    if body.len() > MAX_TEMPLATE_BYTES {
        return Err(refuse(format!("is larger than {MAX_TEMPLATE_BYTES} bytes")).into());
    }
    parse_template(&body).map_err(|error| refuse(error.to_string()).hint("nothing was saved"))?;
    Ok(body)
}

/// A listed template: which variables it sets, and not to what.
fn without_values(template: &Template) -> serde_json::Value {
    serde_json::json!({
        "name": template.name,
        "version": template.version,
        "created_at": template.created_at,
        "keys": keys(template),
    })
}

fn keys(template: &Template) -> Vec<String> {
    parse_template(&template.body)
        .map(|env| env.into_keys().collect())
        .unwrap_or_default()
}

fn write_table(
    out: &mut Out,
    templates: &[Template],
    now: longshore_core::Timestamp,
) -> anyhow::Result<()> {
    use Column::{Long, Numbers, Words};
    let columns = [
        Words("TEMPLATE"),
        Numbers("VERSION"),
        Numbers("AGE"),
        Long("VARIABLES"),
    ];
    let mut table = Table::new(out, &columns);
    for template in templates {
        table.row([
            table::cell(&template.name),
            table::cell(template.version),
            table::cell(words::between(template.created_at, now)),
            table::cell(keys(template).join(" ")),
        ]);
    }
    table.write(out)
}
