//! What a refusal of a spec says, and what it must never say.

use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::spec::{Timeout, parse_json, parse_value};
use serde_json::{Value, json};

fn refusal(spec: &Value) -> String {
    let refused = parse_value(spec.clone());
    refused.expect_err(&spec.to_string()).to_string()
}

#[test]
fn no_error_shows_what_was_meant_as_the_value_of_a_variable() {
    for env in [
        json!("PASSWORD=hunter2"),
        json!(["PASSWORD=hunter2"]),
        json!({ "PASSWORD=hunter2": "" }),
        json!({ "PASSWORD hunter2": "" }),
        json!({ "PASSWORD": ["hunter2"] }),
        json!({ "PASSWORD": { "value": "hunter2" } }),
        json!({ "PASSWORD": "hunter2\0" }),
        json!([{ "name": "PASSWORD", "value": "hunter2" }]),
    ] {
        let text = refusal(&json!({ "command": ["true"], "env": env }));
        assert!(text.starts_with("env"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = refusal(&json!({ "command": ["true"], "env": { "PIN": 1234 } }));
    assert_eq!(text, "env.PIN: must be a text");
    let text = refusal(&json!({ "command": ["true"], "env": 1234 }));
    assert_eq!(text, "env: must be an object of texts");
    let unclosed = r#"{"command": ["true"], "env": {"PASSWORD": "hunter2"#;
    let text = parse_json(unclosed).expect_err("not JSON").to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_field_that_is_unknown_is_refused_whatever_it_holds() {
    for value in [json!(null), json!(5), json!("x")] {
        let text = refusal(&json!({ "command": ["true"], "max_retry": value }));
        assert!(text.starts_with("max_retry: is not a field"), "{text}");
    }
}

#[test]
fn an_unknown_field_inside_a_list_is_named_with_its_place() {
    let mount = json!({ "type": "tmpfs", "target": "/a" });
    let typo = json!({ "type": "bind", "sorce": "/a", "target": "/b" });
    let text = refusal(&json!({ "image": "x", "mounts": [mount, typo] }));
    assert!(text.starts_with("mounts[1].sorce: "), "{text}");
    let text = refusal(&json!({ "image": "x", "networks": [{ "name": "a", "alias": [] }] }));
    assert!(text.starts_with("networks[0].alias: "), "{text}");
}

#[test]
fn a_time_that_storing_would_change_is_refused_and_named() {
    let after = |time| Some(Timeout::After(time));
    for time in [
        Duration::from_nanos(1),
        Duration::from_micros(1_500),
        Duration::from_hours(3660 * 24) + Duration::from_millis(1),
        Duration::MAX,
    ] {
        let base = JobSpec::process(["true"]);
        for (field, spec) in [
            (
                "run_timeout",
                JobSpec {
                    run_timeout: after(time),
                    ..base.clone()
                },
            ),
            (
                "queue_timeout",
                JobSpec {
                    queue_timeout: after(time),
                    ..base.clone()
                },
            ),
            (
                "no_output_timeout",
                JobSpec {
                    no_output_timeout: after(time),
                    ..base.clone()
                },
            ),
            (
                "stop_grace",
                JobSpec {
                    stop_grace: Some(time),
                    ..base
                },
            ),
        ] {
            let refused = spec.validate().expect_err("not storable");
            assert_eq!(refused.field, field, "{time:?}");
        }
    }
    let longest = Duration::from_hours(3660 * 24);
    let spec = JobSpec {
        stop_grace: Some(longest),
        ..JobSpec::process(["true"])
    };
    spec.validate().expect("the longest that is allowed");
}

#[test]
fn an_error_is_short_however_long_what_it_refuses() {
    let long = "x".repeat(100_000);
    let spaced = format!("a {long}");
    for spec in [
        json!({ &long: 5 }),
        json!({ "name": [&long] }),
        json!({ "command": &long }),
        json!({ "labels": { &long: "x" } }),
        json!({ "labels": { &long: 5 } }),
        json!({ "env": { &spaced: "x" } }),
        json!({ "env": { &long: 5 } }),
        json!({ "secret_env": [&spaced] }),
        json!({ "env_templates": [&long] }),
        json!({ "mounts": [{ &long: 5 }] }),
        json!({ "memory": &long }),
        json!({ "run_timeout": &long }),
        json!({ "stop_grace": &long }),
        json!({ "queue": &long }),
        json!({ "scheduled_for": &long }),
        json!({ "retry_strategy": &long }),
        json!({ "retry_exit_codes": &long }),
        json!({ "pull": &long }),
    ] {
        let field = spec
            .as_object()
            .and_then(|spec| spec.keys().next().cloned());
        let mut spec = spec;
        if spec.get("command").is_none() {
            spec["command"] = json!(["true"]);
        }
        let text = refusal(&spec);
        assert!(text.len() < 1000, "{field:?}: {} bytes", text.len());
        let start: String = field.expect("one field").chars().take(20).collect();
        assert!(text.starts_with(&start), "{start}: {text}");
    }
}
