//! `longshore man`: the help as manual pages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command as Syntax;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;

/// Write the manual pages
///
/// The page of longshore itself on stdout; with --out, one file for each command.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore man | man -l -\n         \
    longshore man --out ~/.local/share/man/man1")]
pub struct Args {
    /// The folder for the pages: made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Writes.
#[expect(clippy::unused_async, reason = "all commands are")]
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let mut syntax = Cli::syntax();
    // Each command's page has the options that all share.
    syntax.build();
    match args.out {
        None => context.out.bytes(&page(syntax)?)?,
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("the folder {} can't be made", folder.display()))?;
            write_all(&folder, syntax)?;
        }
    }
    Ok(Exit::DONE)
}

/// A page for the command and each below it, named as `git` names its own: longshore-queue-set.1.
fn write_all(folder: &Path, syntax: Syntax) -> anyhow::Result<()> {
    for below in syntax.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            write_all(folder, below.clone())?;
        }
    }
    let name = syntax.get_display_name().unwrap_or(syntax.get_name());
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(syntax)?)
        .with_context(|| format!("{} can't be written", path.display()))
}

fn page(syntax: Syntax) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = syntax.get_display_name().unwrap_or(syntax.get_name());
    let name = name.to_owned();
    Man::new(syntax)
        .title(name)
        .source(concat!("longshore ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    Ok(page)
}
