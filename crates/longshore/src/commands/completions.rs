//! `longshore completions`: what shells need to complete its words.

use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;

/// Write a completion script for a shell
///
/// Where it belongs is the shell's to say: for bash, a file of
/// ~/.local/share/bash-completion/completions; for zsh, a file _longshore in a folder of $fpath;
/// for fish, ~/.config/fish/completions/longshore.fish.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore completions bash > \
    ~/.local/share/bash-completion/completions/longshore")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Writes.
#[expect(clippy::unused_async, reason = "all commands are")]
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::syntax(), "longshore", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::DONE)
}
