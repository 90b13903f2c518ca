//! `longshore webhook`: making and switching them, and the log of deliveries.

use super::support::Home;

const URL: &str = "https://ci.example/hook";

#[test]
fn a_webhook_is_made_listed_switched_and_deleted() {
    let home = Home::new();
    let ran = home.run(&["webhook", "list"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("webhook create"), "{}", ran.report());

    let key = home.ok(&[
        "webhook",
        "create",
        "ci",
        URL,
        "--state",
        "failed,timed_out",
    ]);
    assert!(key.starts_with("lshk_") && key.trim().len() > 40, "{key}");
    home.ok(&["queue", "create", "nightly"]);
    home.ok(&["webhook", "create", "all", URL, "--queue", "nightly"]);
    let table = home.ok(&["webhook", "list"]);
    let row = |name: &str| {
        let row = table
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(name));
        row.unwrap_or_else(|| panic!("{name} in {table}"))
            .to_owned()
    };
    assert!(row("ci").contains("failed,timed_out"), "{table}");
    assert!(row("all").contains("ended") && row("all").contains("nightly"));
    assert!(!table.contains("lshk_"), "no key is shown again");

    assert_eq!(home.ok(&["webhook", "disable", "ci"]), "ci disabled\n");
    let webhooks = home.json(&["webhook", "list"]);
    let of_ci = webhooks
        .as_array()
        .and_then(|all| all.iter().find(|w| w["name"] == "ci"));
    assert_eq!(of_ci.expect("it is there")["enabled"], false, "{webhooks}");
    let number = of_ci.expect("it is there")["id"].to_string();
    assert_eq!(
        home.ok(&["webhook", "enable", &number]),
        format!("{number} enabled\n")
    );

    let ran = home.run(&["webhook", "delete", "ci", "cj", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "ci deleted\n"));
    assert!(ran.stderr.contains("\"cj\""), "{}", ran.report());
    assert_eq!(
        home.json(&["webhook", "list"]).as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn what_can_not_be_a_webhook_is_refused_with_what_to_do() {
    let home = Home::new();
    home.ok(&["webhook", "create", "deploys", URL]);
    for (args, part) in [
        (&["create", "deploys", URL][..], "choose another name"),
        (&["create", "c i", URL], "name"),
        (&["create", "other", "ci.example"], "http://"),
        (
            &["create", "other", URL, "--queue", "nowhere"],
            "queue list",
        ),
        (&["disable", "deploy"], "did you mean"),
        (&["send", "99"], "no delivery 99"),
        (&["deliveries", "--webhook", "deploy"], "did you mean"),
    ] {
        let ran = home.run(&[&["webhook"], args].concat());
        assert_eq!(ran.code, 1, "{args:?}: {}", ran.report());
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.report());
    }
    assert_eq!(
        home.json(&["webhook", "list"]).as_array().map(Vec::len),
        Some(1)
    );
    let ran = home.run(&["webhook", "deliveries"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
}
