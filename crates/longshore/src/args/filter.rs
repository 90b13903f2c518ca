//! Which jobs are meant, by what they are like: the flags that `list` and bulk requests share.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use longshore_core::store::JobFilter;
use longshore_core::{State, Timestamp};

use super::Moment;
use crate::exit::Refused;

/// Flags that say which jobs are meant. All that are given must hold of a job.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Which jobs")]
pub struct JobFilterArgs {
    /// In this state; repeatable, or several with commas between
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
    #[arg(value_parser = state_parser(), ignore_case = true)]
    states: Vec<State>,
    /// Of this queue
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// With this label; repeatable: all must fit
    #[arg(short, long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// With this in the name
    #[arg(long, value_name = "TEXT", value_parser = some_text)]
    name: Option<String>,
    /// Of this image; without a tag or digest, whatever its tag or digest
    #[arg(long, value_name = "IMAGE", value_parser = some_text)]
    image: Option<String>,
    /// With this in the name, the image or a word of the command
    #[arg(long, value_name = "TEXT", value_parser = some_text)]
    search: Option<String>,
    /// Whose last exit code this is; 128 + n for signal n
    #[arg(long, value_name = "CODE")]
    exit_code: Option<i32>,
    /// Submitted at this time or later: as long ago as 30m or 2h, or at 2026-08-01T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Submitted before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

impl JobFilterArgs {
    /// The filter; `now` is the database's time, from which durations count back. Where it begins
    /// and how long its pages are is the caller's to say.
    pub fn into_filter(self, now: Timestamp) -> Result<JobFilter, Refused> {
        let since = self.since.map(|moment| moment.before(now));
        let until = self.until.map(|moment| moment.before(now));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let problem = "--since: must be earlier than --until, or no job can fit";
            return Err(Refused::usage(problem));
        }
        Ok(JobFilter {
            states: self.states,
            queue: self.queue,
            labels: self.labels.into_iter().collect(),
            name: self.name,
            image: self.image,
            search: self.search,
            exit_code: self.exit_code,
            since,
            until,
            before: None,
            limit: 0,
        })
    }
}

/// Lets clap list the states and offer the nearest, and shells complete them.
/// States by their names.
pub fn state_parser() -> impl clap::builder::TypedValueParser<Value = State> {
    let names = State::ALL.map(State::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.to_lowercase().parse::<State>())
}

/// A key alone means nothing.
fn label(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Every job has nothing in its name: whoever asks for that forgot to set a variable.
fn some_text(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("must not be empty");
    }
    Ok(text.to_owned())
}
