//! The second question before something is done that can't be taken back, or to many.

use askama::Template;

use super::jobs::Row;
use super::page::Page;

/// What is asked, and what the answers lead to.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    pub page: Page,
    /// What will happen.
    pub about: String,
    /// The first of the jobs that it will happen to.
    pub rows: Vec<Row>,
    /// Where the form goes.
    pub action: String,
    /// Whether it must say a priority.
    pub takes_priority: bool,
    /// The button that does it.
    pub yes: String,
    /// Whether it ends something.
    pub is_danger: bool,
    /// The link that does not, and where it leads.
    pub no: &'static str,
    pub back: String,
}

impl Confirm {
    /// Of one thing.
    pub fn of(page: Page, about: &str, action: String, yes: &str, back: String) -> Self {
        Self {
            page: page.still(),
            about: about.to_owned(),
            rows: Vec::new(),
            action,
            takes_priority: false,
            yes: yes.to_owned(),
            is_danger: true,
            no: "Let it be",
            back,
        }
    }
}
