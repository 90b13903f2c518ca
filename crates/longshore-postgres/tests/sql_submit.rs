//! `longshore.submit(jsonb)`: what it refuses, what it stores, who may call it.

use longshore_core::JobId;
use longshore_core::spec::{parse_json, parse_value};
use longshore_core::store::{Reading, Store, StoreError, Submissions, Upkeep};
use longshore_postgres::PostgresStore;
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_testkit::spec_cases::{self, Verdict};
use serde_json::{Value, json};

async fn submit(client: &TestClient, spec: &Value) -> Result<JobId, tokio_postgres::Error> {
    let row = client
        .query_one("SELECT longshore.submit($1)", &[spec])
        .await?;
    Ok(JobId(row.get(0)))
}

fn text_of(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

async fn opened() -> (TestDatabase, PostgresStore, TestClient) {
    let database = TestDatabase::create().await;
    let store = database.store().await.expect("migrated");
    let client = database.client().await;
    (database, store, client)
}

#[tokio::test]
async fn sql_refuses_and_accepts_what_rust_does() {
    let (_database, store, client) = opened().await;
    let mut wrong = Vec::new();
    for case in spec_cases::all() {
        let answer = submit(&client, &case.spec).await;
        if case.holds_nul() {
            assert!(
                answer.is_err(),
                "{}: jsonb can't hold a NUL character",
                case.name
            );
            continue;
        }
        let refusal = answer.as_ref().err().map(text_of);
        wrong.extend(case.check(refusal.as_deref().map_or(Ok(()), Err)).err());
        if let Err(error) = answer {
            let code = error.code().map(tokio_postgres::error::SqlState::code);
            assert_eq!(code, Some("22023"), "{}: {error:?}", case.name);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    store.close().await;
}

#[tokio::test]
async fn a_job_submitted_by_either_is_the_same_job_to_the_other() {
    let (_database, store, client) = opened().await;
    for (index, case) in spec_cases::all().into_iter().enumerate() {
        if case.verdict != Verdict::Accepted || case.name.contains("250 KiB") {
            continue;
        }
        let mut spec = case.spec;
        for (order, sql_first) in [("sql", true), ("rust", false)] {
            spec["idempotency_key"] = json!(format!("{order} {index}"));
            let parsed = parse_value(spec.clone()).expect("accepted");
            let mut ids = Vec::new();
            for by_sql in [sql_first, !sql_first] {
                ids.push(if by_sql {
                    submit(&client, &spec)
                        .await
                        .unwrap_or_else(|e| panic!("{}: {order} first: {}", case.name, text_of(&e)))
                } else {
                    let jobs = [parsed.clone()];
                    store
                        .submit(&jobs)
                        .await
                        .unwrap_or_else(|e| panic!("{}: {e}", case.name))[0]
                        .job
                });
            }
            assert_eq!(ids[0], ids[1], "{}: {order} first", case.name);
            let shown = store.show_job(ids[0]).await.expect("it was submitted");
            assert_eq!(&shown.spec, parsed.spec(), "{}: {order} first", case.name);
        }
    }
    assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
    store.close().await;
}

#[tokio::test]
async fn a_key_of_another_spec_is_refused_and_names_its_job() {
    let (_database, store, client) = opened().await;
    let first = json!({ "command": ["true"], "idempotency_key": "k" });
    let job = submit(&client, &first).await.expect("a job");
    let other = json!({ "command": ["false"], "idempotency_key": "k" });
    let error = submit(&client, &other).await.expect_err("another spec");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("23505")
    );
    assert!(text_of(&error).contains(&format!("job {job}")), "{error:?}");
    let parsed = parse_json(&other.to_string()).expect("a spec");
    let refused = store.submit(&[parsed]).await;
    assert!(matches!(refused, Err(StoreError::IdempotencyKeyReused { job: j, .. }) if j == job));
    store.close().await;
}

#[tokio::test]
async fn many_are_submitted_in_their_order_or_none_at_all() {
    let (_database, store, client) = opened().await;
    let good = json!([{ "command": ["a"] }, { "command": ["b"] }, { "image": "c" }]);
    let rows = client
        .query("SELECT * FROM longshore.submit_many($1)", &[&good])
        .await;
    let ids: Vec<i64> = rows
        .expect("three jobs")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(ids.len() == 3 && ids.is_sorted(), "{ids:?}");
    let before = store.newest_job().await.expect("a job");
    let bad = json!([{ "command": ["a"] }, { "command": ["b"], "priority": 101 }]);
    let error = client
        .query("SELECT * FROM longshore.submit_many($1)", &[&bad])
        .await
        .expect_err("the second is bad");
    assert!(text_of(&error).contains("priority"), "{error:?}");
    let detail = error
        .as_db_error()
        .and_then(|db| db.detail().map(ToOwned::to_owned));
    assert_eq!(detail.as_deref(), Some("job 2 of 2"));
    assert_eq!(store.newest_job().await.expect("a job"), before);
    for (list, expected) in [(json!({}), "jobs"), (json!(null), "jobs")] {
        let error = client
            .query("SELECT * FROM longshore.submit_many($1)", &[&list])
            .await
            .expect_err("no list");
        assert!(text_of(&error).contains(expected), "{error:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn an_unknown_queue_is_named_with_those_that_there_are() {
    let (_database, store, client) = opened().await;
    let spec = json!({ "command": ["true"], "queue": "elsewhere" });
    let error = text_of(&submit(&client, &spec).await.expect_err("no such queue"));
    assert!(
        error.contains("queue") && error.contains("default, local"),
        "{error}"
    );
    store.close().await;
}

#[tokio::test]
async fn a_job_exists_once_its_transaction_commits_and_not_before() {
    let (_database, store, client) = opened().await;
    for (end, expected) in [("ROLLBACK", false), ("COMMIT", true)] {
        for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
            client
                .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}"))
                .await
                .expect("begin");
            let job = submit(&client, &json!({ "command": ["true"] }))
                .await
                .expect(level);
            assert!(matches!(
                store.show_job(job).await,
                Err(StoreError::UnknownJob(_))
            ));
            client.batch_execute(end).await.expect("end");
            assert_eq!(
                store.show_job(job).await.is_ok(),
                expected,
                "{level}, {end}"
            );
        }
    }
    store.close().await;
}

#[tokio::test]
async fn only_a_role_that_was_granted_it_may_submit_and_nothing_else() {
    let (database, store, client) = opened().await;
    let role = format!("submitter_{}", store.instance().await.expect("a name"));
    client
        .batch_execute(&format!("CREATE ROLE {role}"))
        .await
        .expect("a role");
    let theirs = database.client().await;
    theirs
        .batch_execute(&format!("SET ROLE {role}"))
        .await
        .expect("a member");
    let spec = json!({ "command": ["true"] });
    submit(&theirs, &spec).await.expect_err("not granted yet");

    store
        .grant_submit(&role)
        .await
        .expect("a role that is there");
    submit(&theirs, &spec).await.expect("granted");
    for forbidden in [
        "SELECT * FROM longshore.job",
        "INSERT INTO longshore.queue (name, executor) VALUES ('x', 'x')",
        "SELECT longshore.stage(1, 1)",
        "SELECT longshore.insert_jobs(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ] {
        let error = theirs.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(
            error.code().map(tokio_postgres::error::SqlState::code),
            Some("42501"),
            "{forbidden}"
        );
    }
    // Neither a temporary table nor a schema of theirs comes before ours.
    theirs
        .batch_execute("CREATE TEMP TABLE queue (id int, name text)")
        .await
        .expect("theirs");
    submit(&theirs, &spec)
        .await
        .expect("the real queue is asked");

    let refused = store.grant_submit("nobody; DROP TABLE job").await;
    assert!(
        matches!(refused, Err(StoreError::Invalid(_))),
        "{refused:?}"
    );
    drop(theirs);
    let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client
        .batch_execute(&gone)
        .await
        .expect("the role goes with the test");
    store.close().await;
}

#[tokio::test]
async fn no_function_is_everybodys() {
    let database = TestDatabase::create().await;
    let sql = "SELECT p.oid::regprocedure::text FROM pg_proc AS p
               WHERE p.pronamespace = 'longshore'::regnamespace
                 AND has_function_privilege('public', p.oid, 'EXECUTE')";
    let rows = database.client().await.query(sql, &[]).await.expect("rows");
    let open: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(open, Vec::<String>::new());
}
