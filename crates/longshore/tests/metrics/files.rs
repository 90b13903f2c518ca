//! The dashboard and the alert rules name what is exported, and nothing else.

use std::collections::BTreeSet;

use longshore_core::metric::Kind;
use serde::Deserialize;
use serde_json::Value;

use crate::names::{all, scrapes_of_a_run};
use crate::support::Home;

const DASHBOARD: &str = include_str!("../../../../deploy/grafana/longshore.json");
const ALERTS: &str = include_str!("../../../../deploy/prometheus/alerts.yml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    #[serde(rename = "alert")]
    name: String,
    expr: String,
    #[serde(rename = "for")]
    lasting: Option<String>,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    severity: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
}

fn alerts() -> Vec<Alert> {
    let rules: Rules =
        serde_saphyr::from_str(ALERTS).expect("the rules are YAML of the right form");
    assert!(rules.groups.iter().all(|group| !group.name.is_empty()));
    rules
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect()
}

/// Every text under these keys, however deep.
fn texts<'v>(value: &'v Value, keys: &[&str], found: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                match inner {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text),
                    inner => texts(inner, keys, found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|inner| texts(inner, keys, found)),
        _ => {}
    }
}

/// The names of metrics in an expression of a dashboard or a rule.
fn names(expression: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = expression.split(|c| !is_of_name(c));
    words
        .filter(|word| word.starts_with("longshore"))
        .map(str::to_owned)
        .collect()
}

/// Parentheses, braces and brackets close in the order in which they were opened; quotes close.
fn is_balanced(expression: &str) -> bool {
    let (mut open, mut quoted) = (Vec::new(), false);
    for c in expression.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => open.push(')'),
            '{' => open.push('}'),
            '[' => open.push(']'),
            ')' | '}' | ']' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && !quoted
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_in_the_dashboard_and_the_alerts_is_one_that_a_run_exports() {
    let home = Home::new();
    let mut exported = BTreeSet::new();
    for scrape in scrapes_of_a_run(&home).await {
        exported.extend(scrape.samples.into_iter().map(|sample| sample.name));
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let mut expressions = Vec::new();
    texts(&dashboard, &["expr", "query"], &mut expressions);
    let alerts = alerts();
    expressions.extend(alerts.iter().map(|alert| alert.expr.as_str()));
    let mut used = BTreeSet::new();
    for expression in expressions {
        assert!(is_balanced(expression), "{expression}");
        for name in names(expression) {
            assert!(
                exported.contains(&name),
                "nothing exports {name}: {expression}"
            );
            used.insert(name);
        }
    }
    // What nobody would see can as well not be counted.
    for metric in all() {
        let behind = match metric.kind {
            Kind::Histogram(_) => "_bucket",
            Kind::Counter | Kind::Gauge => "",
        };
        let name = format!("{}{behind}", metric.name);
        assert!(used.contains(&name), "the dashboard does not show {name}");
    }
}

#[test]
fn every_panel_has_a_title_a_place_and_something_to_show() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
        assert!(
            panel["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(
            panel["gridPos"]["w"]
                .as_u64()
                .is_some_and(|width| width <= 24)
        );
        if panel["type"] != "row" {
            let targets = panel["targets"].as_array().expect("targets");
            assert!(
                targets.iter().all(|target| target["expr"].is_string()),
                "{panel}"
            );
            assert!(!targets.is_empty(), "{panel}");
        }
    }
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert_eq!((rows, panels.len() > 25), (5, true));
}

#[test]
fn every_alert_has_a_severity_and_says_what_to_do_first() {
    let alerts = alerts();
    let mut names = BTreeSet::new();
    for alert in &alerts {
        assert!(names.insert(&alert.name), "{} is there twice", alert.name);
        assert!(alert.name.starts_with("Longshore"), "{}", alert.name);
        assert!(["warning", "critical"].contains(&alert.labels.severity.as_str()));
        let is_time = |time: &String| longshore_core::spec::parse_duration(time).is_ok();
        assert!(alert.lasting.as_ref().is_none_or(is_time));
        let summary = &alert.annotations.summary;
        let says = ["Run `", "Ask it", "Look for", "run `"];
        assert!(says.iter().any(|word| summary.contains(word)), "{summary}");
        assert_eq!(summary.matches("{{").count(), summary.matches("}}").count());
    }
    assert!(names.len() > 8);
}
