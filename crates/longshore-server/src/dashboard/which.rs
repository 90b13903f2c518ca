//! Which jobs an address asks for: the filter of the list, and of what is done to all that fit.

use longshore_client::api::JobQuery;
use longshore_core::spec::FieldError;
use longshore_core::{JobId, State, Timestamp};
use serde::Deserialize;

use super::session::as_value;

/// What the address says. An empty field of a form asks for nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    pub state: Vec<State>,
    pub queue: String,
    pub label: String,
    pub search: String,
    pub exit_code: String,
    /// Submitted before then.
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub before: Option<JobId>,
}

impl Which {
    /// The same as the API takes it, in pages of so many.
    pub fn query(&self, page: u32) -> Result<JobQuery, FieldError> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let exit_code = match text(&self.exit_code) {
            None => None,
            Some(code) => {
                let code = code.parse();
                Some(code.map_err(|_| FieldError::new("exit_code", "must be a number"))?)
            }
        };
        Ok(JobQuery {
            state: self.state.clone(),
            queue: text(&self.queue),
            label: text(&self.label).into_iter().collect(),
            search: text(&self.search),
            exit_code,
            until: self.until,
            before: self.before,
            limit: Some(page),
            ..JobQuery::default()
        })
    }

    /// Whether it leaves any job out, wherever it begins.
    pub fn is_filtered(&self) -> bool {
        let from_the_start = Self {
            before: None,
            ..self.clone()
        };
        !from_the_start.pairs().is_empty()
    }

    /// What it says, as the fields of a form.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let states = self.state.iter().map(|state| ("state", state.to_string()));
        let texts = [
            ("queue", &self.queue),
            ("label", &self.label),
            ("search", &self.search),
            ("exit_code", &self.exit_code),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let texts = texts.map(|(name, text)| (name, text.clone()));
        let until = self.until.map(|until| ("until", until.to_string()));
        let before = self.before.map(|before| ("before", before.to_string()));
        states.chain(texts).chain(until).chain(before).collect()
    }

    /// What it says, behind the `?` of an address.
    pub fn in_address(&self) -> String {
        let pairs = self.pairs().into_iter();
        let parts: Vec<String> = pairs
            .map(|(name, text)| format!("{name}={}", as_value(&text)))
            .collect();
        parts.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_of_what_was_asked_for_alone() {
        assert_eq!(Which::default().in_address(), "");
        assert!(!Which::default().is_filtered());
        let which = Which {
            state: vec![State::Failed, State::TimedOut],
            label: "team=a&b".to_owned(),
            before: Some(JobId(7)),
            ..Which::default()
        };
        assert_eq!(
            which.in_address(),
            "state=failed&state=timed_out&label=team%3Da%26b&before=7"
        );
        assert!(which.is_filtered());
        let later = Which {
            before: Some(JobId(7)),
            ..Which::default()
        };
        assert!(
            !later.is_filtered(),
            "a place in the list leaves nothing out"
        );
    }
}
