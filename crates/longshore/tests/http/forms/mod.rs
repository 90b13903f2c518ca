//! What the dashboard's forms do.

mod changing;
mod many;
mod submitting;

use reqwest::StatusCode;
use reqwest::header::LOCATION;

use crate::scene::Got;

/// The value of a hidden field of the page's form.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .expect("a field");
    rest.split('"').next().expect("a value").to_owned()
}

/// Where the page's form goes.
fn action(page: &str, begins: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("action=\"{begins}"))
        .unwrap_or_else(|| panic!("no form to {begins}: {page}"));
    let rest = rest.split('"').next().expect("an address");
    format!("{begins}{}", rest.replace("&#38;", "&"))
}

fn led_to(got: &Got) -> &str {
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{got:?}");
    got.headers[LOCATION].to_str().expect("text")
}
