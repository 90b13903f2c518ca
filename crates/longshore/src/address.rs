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

/// What stands where a password was.
const MASK: &str = "***";

impl Address {
    /// Reads `sqlite:PATH`, `sqlite://PATH`, `postgres://…` or `postgresql://…`.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(no_address(text));
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
            other if may_hold_a_password(other) => Err(no_address(other)),
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

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        self.to_string() != self.reveal()
    }

    /// The same database, named so that it is found from any folder.
    pub fn absolute(self) -> std::io::Result<Self> {
        match self {
            Self::Sqlite(path) => Ok(Self::Sqlite(std::path::absolute(path)?)),
            Self::Postgres(url) => Ok(Self::Postgres(url)),
        }
    }

    /// Whether this was read from what `Display` wrote, and a password is missing.
    pub fn lacks_password(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(url) => url.contains(MASK),
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
        if let Some((_, parameters)) = path.rsplit_once('?')
            && !parameters.is_empty()
            && !parameters.contains('/')
        {
            // SQLite's own notation knows some; taken as a name, they would make a file called so.
            let problem = format!("a file takes no parameters such as {parameters:?}");
            return Err(Refused::usage(problem).hint("name the file alone: sqlite:PATH"));
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

fn no_address(text: &str) -> Refused {
    let what = if may_hold_a_password(text) {
        "this".to_owned()
    } else {
        format!("{text:?}")
    };
    Refused::usage(format!("{what} is not the address of a database")).hint(EXPECTED)
}

/// Whether a text that is no address looks like one with a login, or like settings in a row.
fn may_hold_a_password(text: &str) -> bool {
    text.contains(['@', '='])
}

/// Masks what stands between `:` and `@` before the host, and passwords among the parameters.
///
/// A password may hold any of `:/?@` itself. So the login is taken to end at the last `@` of all:
/// rather too much is masked than too little.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let masked = rest.rsplit_once('@').and_then(|(login, host)| {
        let (user, _) = login.split_once(':')?;
        Some(format!("{user}:{MASK}@{host}"))
    });
    let rest = masked.as_deref().unwrap_or(rest);
    let Some((base, parameters)) = rest.split_once('?') else {
        return format!("{scheme}://{rest}");
    };
    let parameters: Vec<String> = parameters.split('&').map(without_value).collect();
    format!("{scheme}://{base}?{}", parameters.join("&"))
}

/// Masks a parameter's value if it may be a password. Its name may be percent-encoded.
fn without_value(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((key, _)) if key.contains('%') || key.to_lowercase().contains("password") => {
            format!("{key}={MASK}")
        }
        _ => parameter.to_owned(),
    }
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
            ("postgres://me:a?b@host/db", "postgres://me:***@host/db"),
            (
                "postgres://me:a/b@host/db?c=d",
                "postgres://me:***@host/db?c=d",
            ),
            ("postgres://me:a@b?c=d@host/db", "postgres://me:***@host/db"),
            ("postgres://me:@host", "postgres://me:***@host"),
            (
                "postgres://me@host/db?a=b&Password=x?y&sslpassword=z",
                "postgres://me@host/db?a=b&Password=***&sslpassword=***",
            ),
            // The driver reads names of parameters percent-encoded too.
            (
                "postgres://me@host/db?pass%77ord=x",
                "postgres://me@host/db?pass%77ord=***",
            ),
            (
                "postgres://me@host?password=x@y",
                "postgres://me@host?password=***",
            ),
            // Rather too little of a port than any of a password.
            (
                "postgres://me@host:1?password=x@y",
                "postgres://me@host:***@y",
            ),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
        }
    }

    #[test]
    fn what_may_hold_a_password_is_not_repeated_when_it_is_no_address() {
        for text in [
            "host=db user=me password=hunter2",
            "password=hunter2 host=[::1]",
            "me@hunter2",
            "postgres:host=db password=hunter2",
        ] {
            let refused = Address::parse(text).expect_err(text).to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn parameters_of_a_file_are_refused_rather_than_made_part_of_its_name() {
        for text in ["sqlite:n.db?mode=ro", "sqlite:///srv/n.db?cache=shared&x=y"] {
            let refused = Address::parse(text).expect_err(text).to_string();
            assert!(refused.contains("a file takes no parameters"), "{refused}");
        }
        for path in ["what?/n.db", "n.db?"] {
            let address = Address::parse(&format!("sqlite:{path}")).expect(path);
            assert_eq!(address, Address::Sqlite(path.into()));
        }
    }
}
