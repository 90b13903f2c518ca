//! A database of another version than the binary.

use super::errors::snapshot;
use super::support::Home;

#[test]
fn a_schema_of_a_newer_longshore_is_refused_and_left_alone() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let tamper = |sql| {
        let database = rusqlite::Connection::open(home.database()).expect("it is a database");
        database
            .execute_batch(sql)
            .expect("the history of migrations is refinery's");
    };
    tamper(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (999, 'from_the_future', '2999-01-01T00:00:00Z', '0')",
    );
    snapshot("schema_too_new", &home, &home.run(&["list"]));
    assert_eq!(home.run(&["submit", "--", "true"]).code, 3);
    assert_eq!(home.run(&["run", "--", "true"]).code, 125);
    assert_eq!(home.run(&["doctor"]).code, 1);
    tamper("DELETE FROM refinery_schema_history WHERE version = 999");
    assert_eq!(
        home.json(&["list"])["jobs"].as_array().map(Vec::len),
        Some(1),
        "nothing was lost"
    );
}
