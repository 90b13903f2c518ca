//! How values are written for people: ages, commands, times, text that others made up.

use std::time::Duration;

use longshore_core::Timestamp;
use longshore_core::spec::format_duration;
use longshore_core::store::JobSummary;

/// Stands for a value that is not there.
pub const NONE: &str = "-";

/// From one time to another, as people read it; zero if the clocks disagree.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    format_duration(elapsed(from, to))
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// A time, to the second, in UTC.
pub fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A time, and how long ago it was.
pub fn time_and_age(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("{} (in {})", time(at), between(now, at));
    }
    format!("{} ({} ago)", time(at), between(at, now))
}

/// Text that others made up, fit for one line of a terminal: control characters, which could
/// move the cursor or rewrite what stands there, are shown as escapes.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A command as a shell would take it.
pub fn command<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", one_line(word).replace('\'', r"'\''"))
}

/// What a job is called in a list: its name, or what it runs.
pub fn title(job: &JobSummary) -> String {
    match (&job.name, &job.image) {
        (Some(name), _) => one_line(name),
        (None, Some(image)) if job.command.is_empty() => one_line(image),
        (None, Some(image)) => format!("{} {}", one_line(image), command(&job.command)),
        (None, None) => command(&job.command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_a_shell_takes_them() {
        assert_eq!(
            command(&["echo", "a b", "", "it's"]),
            r"echo 'a b' '' 'it'\''s'"
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(command(&["\u{1b}]0;x\u{7}"]), "'\\u{1b}]0;x\\u{7}'");
    }
}
