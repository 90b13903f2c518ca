//! The same commands on PostgreSQL: what differs, and one job's whole way.

use longshore_postgres::testing::TestDatabase;
use tokio::runtime::Runtime;

use crate::support::{Home, Running, wait_until};

/// A home whose configuration names a database of its own; dropped with it.
pub struct Server {
    pub home: Home,
    database: TestDatabase,
    runtime: Runtime,
}

impl Server {
    /// With a database that is ready.
    pub fn migrated() -> Self {
        Self::new(TestDatabase::create)
    }

    /// The database's address.
    pub fn url(&self) -> String {
        self.database.url()
    }

    fn new(create: impl AsyncFnOnce() -> TestDatabase) -> Self {
        let runtime = Runtime::new().expect("a runtime can be had");
        let database = runtime.block_on(create());
        let home = Home::new();
        let config = format!("database = {:?}\n", database.url());
        home.file(".config/longshore/config.toml", &config);
        Self {
            home,
            database,
            runtime,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dropping a database wants a runtime around it.
        let _entered = self.runtime.enter();
    }
}

#[test]
fn a_database_is_migrated_when_a_person_says_so() {
    let server = Server::new(TestDatabase::create_empty);
    let home = &server.home;
    let ran = home.run(&["list"]);
    assert_eq!(ran.code, 3, "{}", ran.report());
    assert!(
        ran.stderr.contains("run `longshore migrate`"),
        "{}",
        ran.report()
    );
    assert!(home.ok(&["migrate"]).contains(": from schema 0 to "));
    assert!(home.ok(&["migrate"]).trim_end().ends_with(" already"));
    assert_eq!(
        home.json(&["list"])["jobs"].as_array().map(Vec::len),
        Some(0)
    );
}

#[test]
fn two_that_migrate_at_once_both_succeed() {
    let server = Server::new(TestDatabase::create_empty);
    let both = [
        server.home.spawn(&["migrate"]),
        server.home.spawn(&["migrate"]),
    ];
    for running in both {
        let ran = running.finish();
        assert_eq!(ran.code, 0, "{}", ran.report());
    }
}

#[test]
fn submitting_is_granted_to_roles_that_there_are() {
    let server = Server::migrated();
    let ran = server
        .home
        .run(&["migrate", "--grant-submit", "no such role"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("no such role"), "{}", ran.report());
    let role = server.runtime.block_on(async {
        let client = server.database.client().await;
        let row = client.query_one("SELECT current_user::text", &[]).await;
        row.expect("everybody is somebody").get::<_, String>(0)
    });
    let granted = server.home.ok(&["migrate", "--grant-submit", &role]);
    assert!(
        granted.contains(&format!("role {role} may submit")),
        "{granted}"
    );
}

#[test]
fn a_job_goes_its_whole_way() {
    let server = Server::migrated();
    let home = &server.home;
    let job = home.submit(&[
        "--label",
        "a=b",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 3",
    ]);
    home.ok(&["worker", "--until-empty", "--poll-interval", "50ms"]);
    let logs = home.run(&["logs", &job]);
    assert_eq!(
        (logs.stdout.as_str(), logs.stderr.as_str()),
        ("out\n", "err\n")
    );
    assert_eq!(home.run(&["wait", &job]).code, 3);
    assert_eq!(
        home.json(&["list", "--label", "a=b"])["jobs"][0]["state"],
        "failed"
    );
    let ran = home.run(&["run", "--", "sh", "-c", "echo hello; exit 7"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (7, "hello\n"),
        "{}",
        ran.report()
    );
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.report());
}

#[test]
fn sessions_have_the_name_and_the_deadlines_that_were_configured() {
    let server = Server::migrated();
    let mut worker = server.home.command(&["worker", "--queue", "local"]);
    worker.env("LONGSHORE_POSTGRES_APPLICATION_NAME", "dock-7");
    worker.env("LONGSHORE_POSTGRES_LOCK_TIMEOUT", "777ms");
    let worker = Running::start(&mut worker);
    let client = server.runtime.block_on(server.database.client());
    wait_until("the server shows a session by its name", || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dock-7'";
        let row = server.runtime.block_on(client.query_one(count, &[]));
        row.expect("a count").get::<_, i64>(0) > 0
    });
    // A lock that is held for ever: the call that waits for it is repeated, as often as its caller has
    // patience, each time after the configured wait.
    let lock = "BEGIN; LOCK TABLE job IN ACCESS EXCLUSIVE MODE";
    server
        .runtime
        .block_on(client.batch_execute(lock))
        .expect("a lock");
    let mut submit = server.home.command(&["submit", "--", "true"]);
    submit.env("LONGSHORE_POSTGRES_LOCK_TIMEOUT", "1ms");
    let submit = Running::start(&mut submit);
    let other = server.runtime.block_on(server.database.client());
    wait_until("a call is refused its lock and comes again", || {
        let lost = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        let row = server.runtime.block_on(other.query_one(lost, &[]));
        row.expect("a count").get::<_, i64>(0) >= 2
    });
    let rollback = server.runtime.block_on(client.batch_execute("ROLLBACK"));
    rollback.expect("it was held");
    assert_eq!(submit.finish().code, 0);
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}
