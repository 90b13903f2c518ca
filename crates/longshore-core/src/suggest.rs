//! "Did you mean": the nearest of the names that exist.

/// How alike two names must be (Jaro-Winkler, 0 to 1) before one is offered for the other. Below
/// this, suggestions were found to puzzle more than they help.
const ALIKE: f64 = 0.75;

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

/// A sentence that offers the nearest name, or lists them all when none is near.
pub fn hint<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(unknown, known.clone()) {
        return format!("did you mean {name:?}?");
    }
    let all: Vec<&str> = known.into_iter().collect();
    format!("known: {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_offered_its_name_and_nonsense_the_list() {
        assert_eq!(nearest("comand", ["command", "image"]), Some("command"));
        assert_eq!(nearest("xyzzy", ["command", "image"]), None);
        assert_eq!(hint("qqqq", ["command", "image"]), "known: command, image");
    }
}
