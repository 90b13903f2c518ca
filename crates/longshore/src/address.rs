//! Addresses of databases: which store is meant, and where it is.

use std::fmt;
use std::path::{Path, PathBuf};

use longshore_core::suggest;

use crate::exit::Refused;

/// Where the jobs are.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A `PostgreSQL` server, in its own notation. It may hold a password: `Display` hides it.
    Postgres(String),
}

const SCHEMES: [&str; 3] = ["sqlite", "postgres", "postgresql"];
const EXPECTED: &str = "write sqlite:PATH, or postgres://USER@HOST/DATABASE";

impl Address {
    /// Reads `sqlite:PATH`, `sqlite://PATH`, `postgres://…` or `postgresql://…`.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let Some((scheme, rest)) = text.split_once(':') else {
            let refused = Refused::usage(format!("{text:?} is not the address of a database"));
            return Err(refused.hint(EXPECTED));
        };
        match scheme {
            "sqlite" => Self::sqlite(rest),
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            "postgres" | "postgresql" => {
                let problem = format!("\"{scheme}:\" in the database's address lacks its //");
                Err(Refused::usage(problem).hint(EXPECTED))
            }
            // Only the scheme is shown: the rest may hold a password.
            unknown => Err(Refused::usage(format!(
                "{unknown:?} in the database's address is no store; {}",
                suggest::hint(unknown, SCHEMES)
            ))
            .hint(EXPECTED)),
        }
    }

    /// The address as it would be given, password and all: for a process that is started with it.
    pub fn reveal(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", Path::display(path)),
            Self::Postgres(url) => url.clone(),
        }
    }

    fn sqlite(rest: &str) -> Result<Self, Refused> {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            return Err(Refused::usage("the database's address names no file").hint(EXPECTED));
        }
        if path == ":memory:" {
            let refused = Refused::usage("a database in memory would end with this command");
            return Err(refused.hint("name a file: sqlite:PATH"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    /// The file in the user's data folder that is used when nobody names another.
    pub fn default_file() -> Result<Self, Refused> {
        let folder = user_folder("XDG_DATA_HOME", ".local/share").ok_or_else(|| {
            Refused::usage("there is no HOME to keep the database in")
                .hint("name one with --database sqlite:PATH")
        })?;
        Ok(Self::Sqlite(folder.join("longshore/longshore.db")))
    }
}

/// A folder of the user's, by the XDG base directory specification: the variable if it holds an
/// absolute path, else the given folder in the home folder.
pub fn user_folder(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute =
        |value: std::ffi::OsString| Some(PathBuf::from(value)).filter(|p| p.is_absolute());
    std::env::var_os(variable)
        .and_then(absolute)
        .or_else(|| Some(std::env::var_os("HOME").and_then(absolute)?.join(in_home)))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", Path::display(path)),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Masks what stands between `:` and `@` before the host, and `password=` among the parameters.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (base, parameters) = match rest.split_once('?') {
        Some((base, parameters)) => (base, Some(parameters)),
        None => (rest, None),
    };
    let base = match base.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => base.to_owned(),
        },
        None => base.to_owned(),
    };
    let mut shown = format!("{scheme}://{base}");
    for (index, parameter) in parameters
        .into_iter()
        .flat_map(|p| p.split('&'))
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((key, _)) if key.contains("password") => {
                shown.push_str(key);
                shown.push_str("=***");
            }
            _ => shown.push_str(parameter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_addresses_are_paths_with_or_without_slashes() {
        for (text, path) in [
            ("sqlite:jobs.db", "jobs.db"),
            ("sqlite:/srv/jobs.db", "/srv/jobs.db"),
            ("sqlite://jobs.db", "jobs.db"),
            ("sqlite:///srv/jobs.db", "/srv/jobs.db"),
        ] {
            assert_eq!(
                Address::parse(text).expect(text),
                Address::Sqlite(path.into())
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_a_password() {
        for text in [
            "jobs.db",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "postgres:host/db",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        let refused = Address::parse("postgress://me:hunter2@host/db").expect_err("a typo");
        let message = refused.to_string();
        assert!(message.contains("did you mean \"postgres\"?"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn passwords_are_never_shown() {
        for (url, shown) in [
            ("postgres://me:a:b@c@host/db", "postgres://me:***@host/db"),
            (
                "postgres://me@host/db?password=x&a=b",
                "postgres://me@host/db?password=***&a=b",
            ),
            ("postgres://host/db", "postgres://host/db"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
        }
    }
}
