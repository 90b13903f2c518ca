//! "Did you mean": the nearest of the names that exist, and what an error repeats of a text.

use std::borrow::Cow;

/// How alike two names must be (Jaro-Winkler, 0 to 1) before one is offered for the other. Below
/// this, suggestions were found to puzzle more than they help.
const ALIKE: f64 = 0.75;

/// How many names a hint lists: all fields of a job, and not all queues of a large site.
const MAX_LISTED: usize = 40;

/// How much of a text that somebody wrote an error repeats, in characters; the same as in SQL.
const MAX_REPEATED: usize = 100;

/// The known name most like `unknown`, if any is like it enough.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&unknown, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// A sentence that offers the nearest name, or lists them when none is near: the first of them if
/// there are many.
pub fn hint<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(unknown, known.clone()) {
        return format!("did you mean {name:?}?");
    }
    let mut known = known.into_iter();
    let listed: Vec<&str> = known.by_ref().take(MAX_LISTED).collect();
    let more = match known.count() {
        0 if listed.is_empty() => return "there are none yet".to_owned(),
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("known: {}{more}", listed.join(", "))
}

/// What an error repeats of a text that it refuses: enough to find it, whatever its length.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_REPEATED) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_offered_its_name_and_nonsense_the_list() {
        assert_eq!(nearest("comand", ["command", "image"]), Some("command"));
        assert_eq!(nearest("xyzzy", ["command", "image"]), None);
        assert_eq!(hint("qqqq", ["command", "image"]), "known: command, image");
        assert_eq!(hint("qqqq", []), "there are none yet");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_a_short_one_is_whole() {
        assert_eq!(excerpt("short"), "short");
        let exact = "é".repeat(MAX_REPEATED);
        assert_eq!(excerpt(&exact), exact);
        assert_eq!(excerpt(&format!("{exact}é")), format!("{exact}…"));
    }

    #[test]
    fn a_long_list_is_cut_and_its_rest_counted() {
        let names: Vec<String> = (0..1000).map(|n| format!("queue-{n}")).collect();
        let hint = hint("zzzz", names.iter().map(String::as_str));
        assert!(hint.starts_with("known: queue-0, queue-1, "), "{hint}");
        assert!(hint.ends_with(", and 960 more"), "{hint}");
        assert!(hint.len() < 1000, "{hint}");
    }
}
