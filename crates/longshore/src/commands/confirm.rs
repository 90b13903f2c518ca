//! Asking before something is done that can't be taken back.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Refused;
use crate::output;

/// Asks whoever sits at the terminal; where nobody does, `--yes` has to say it beforehand.
pub fn agreed(what: &str) -> anyhow::Result<bool> {
    ask(
        what,
        "--yes does it without asking, --dry-run shows what it would be done to",
    )
}

/// The same for what can't be tried beforehand; the hint says how it is done without asking.
pub fn ask(what: &str, hint: &'static str) -> anyhow::Result<bool> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        let problem = format!("this would {what}, and nobody can be asked");
        return Err(Refused::usage(problem).hint(hint).into());
    }
    write!(stderr, "{what}? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        output::talk("nothing was done");
    }
    Ok(agreed)
}
