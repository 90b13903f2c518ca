//! What this process itself can see: its version, its configuration, its environment.

use longshore_core::store::{Finding, Severity};
use longshore_core::suggest;

use super::found;
use crate::cli::Cli;
use crate::config::Config;

/// Which binary this is.
pub(super) fn version() -> Finding {
    found(Severity::Ok, "longshore", env!("CARGO_PKG_VERSION"), "")
}

/// Which file was read, and whether it keeps its secrets.
pub(super) fn configuration(config: &Config) -> Finding {
    // The configuration was read before any command ran: what is wrong with it ended us there.
    let seen = match (&config.path, Config::default_path()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(path)) => format!("no file at {}: defaults", path.display()),
        (None, None) => "no home folder: defaults".to_owned(),
    };
    #[cfg(unix)]
    if let Some(path) = &config.path
        && config.holds_secrets()
        && let Ok(file) = std::fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
    {
        let seen = format!("{seen}; others than its owner may read the passwords in it");
        let advice = format!("`chmod 600 {}`", path.display());
        return found(Severity::Warning, "configuration", seen, &advice);
    }
    found(Severity::Ok, "configuration", seen, "")
}

/// Variables that look like ours and are not: a slip would otherwise be ignored in silence.
pub(super) fn unknown_variables() -> Vec<Finding> {
    let known = Cli::variables();
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("LONGSHORE_") && !known.contains(name))
        .map(|name| {
            let hint = suggest::hint(&name, known.iter().map(String::as_str));
            found(
                Severity::Warning,
                "environment",
                format!("{name} means nothing"),
                &hint,
            )
        })
        .collect()
}
