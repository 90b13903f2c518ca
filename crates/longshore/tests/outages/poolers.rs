//! Behind `PgBouncer`: per session all is well; per transaction only where it keeps prepared statements
//! apart, and elsewhere workers are refused, with what to do.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use longshore::postgres::testing::TestDatabase;
use longshore_testkit::skip::skipped;
use tempfile::TempDir;

use crate::support::{Home, wait_until};
use crate::trial::Trial;
use longshore_testkit::servers::account;

/// What the database says to every session, as the startup options do not arrive.
const SAID: [(&str, &str); 5] = [
    ("search_path", "longshore, pg_temp"),
    ("default_transaction_isolation", "'read committed'"),
    ("lock_timeout", "'2s'"),
    ("statement_timeout", "'30s'"),
    ("idle_in_transaction_session_timeout", "'60s'"),
];

/// A pooler before the tests' server; ended when dropped.
struct PgBouncer {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl PgBouncer {
    /// Starts one; none where its program can't be had, and then it says that the test is skipped.
    fn start(database: &TestDatabase, pool_mode: &str, settings: &str) -> Option<Self> {
        let Some(program) = program() else {
            skipped("a test behind PgBouncer takes `pgbouncer`");
            return None;
        };
        let url = database.url();
        let (_, rest) = url.split_once('@').expect("a user");
        let (server, _) = rest.split_once('/').expect("a path");
        let server: SocketAddr = server
            .parse()
            .expect("the tests' server is named by its number");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let (host, to) = (server.ip(), server.port());
        let file = format!(
            "[databases]\n* = host={host} port={to} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 20\n\
             server_login_retry = 1\n{settings}\n"
        );
        fs::write(folder.path().join("pgbouncer.ini"), file).expect("the folder is ours");
        if let Some((user, group)) = account() {
            chown(folder.path(), Some(user), Some(group)).expect("root gives folders away");
        }
        let mut pooler = Self {
            folder,
            program,
            port,
            process: None,
        };
        pooler.start_again();
        Some(pooler)
    }

    fn start_again(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the folder is ours");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .arg(self.folder.path().join("pgbouncer.ini"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some((user, group)) = account() {
            command.uid(user).gid(group);
        }
        self.process = Some(command.spawn().expect("pgbouncer can be started"));
        wait_until("the pooler listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        });
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _gone_already = process.kill();
            process.wait().expect("a child can be waited for");
        }
    }

    /// The database's address through it.
    fn address(&self, database: &TestDatabase) -> String {
        let url = database.url();
        let name = url.rsplit('/').next().expect("a path");
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Whether it can tell apart the prepared statements of those who share a session.
    fn keeps_statements(&self) -> bool {
        let output = Command::new(&self.program).arg("--version").output();
        let text = String::from_utf8(output.expect("it can be run").stdout).expect("text");
        let version = text.split_whitespace().nth(1).expect("PgBouncer 1.18.0");
        let minor = version.split('.').nth(1).expect("1.18.0");
        minor.parse::<u32>().expect("a number") >= 21
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian keeps it where only root looks.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut programs = folders.map(|folder| folder.join("pgbouncer"));
    programs.find(|program| program.is_file())
}

/// A database that says to every session what it needs to know.
async fn telling() -> TestDatabase {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    for (name, value) in SAID {
        let quoted = value.replace('\'', "''");
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {name} = {quoted}', \
             current_database()); END $$"
        );
        client.batch_execute(&set).await.expect("a superuser");
    }
    database
}

const IGNORED: &str = "ignore_startup_parameters = options";

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_of_sessions_all_is_well_though_it_is_restarted() {
    let database = telling().await;
    let Some(mut pooler) = PgBouncer::start(&database, "session", IGNORED) else {
        return;
    };
    let address = pooler.address(&database);
    let mut trial = Trial::on(Home::new(), &database.url()).await;
    trial.start_workers(&address);
    trial.running().await;
    let doctor = trial.home.run(&["doctor", "--database", &address]);
    assert!(
        !doctor.stdout.contains("transaction pooler"),
        "{}",
        doctor.report()
    );
    pooler.stop();
    trial.end_of_first().await;
    pooler.start_again();
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_of_transactions_prepared_statements_are_kept_apart_or_workers_refused() {
    // With one session for all, the first statement of a second process would meet the first's.
    for size in ["1", "20"] {
        let database = telling().await;
        let more = format!("{IGNORED}\nmin_pool_size = 0\nmax_db_connections = {size}");
        let Some(pooler) = PgBouncer::start(&database, "transaction", &more) else {
            return;
        };
        let address = pooler.address(&database);
        if pooler.keeps_statements() {
            let more = format!("{more}\nmax_prepared_statements = 200");
            drop(pooler);
            is_right(&database, &more).await;
            continue;
        }
        let home = Home::new();
        for command in [&["worker"][..], &["doctor"], &["submit", "--", "true"]] {
            let command = [command, &["--database", &address]].concat();
            // Before what runs as a job.
            let command: Vec<&str> = match command.iter().position(|word| *word == "--") {
                Some(at) => [&command[..at], &command[at + 2..], &command[at..at + 2]].concat(),
                None => command,
            };
            let ran = home.run(&command);
            assert!(ran.code != 0 && ran.code != -1, "{}", ran.report());
            let said = format!("{}{}", ran.stdout, ran.stderr);
            for word in ["transaction pooler", "max_prepared_statements"] {
                assert!(said.contains(word), "{command:?}: {}", ran.report());
            }
        }
    }
}

/// Where statements are kept apart: polling finds everything, and `doctor` says so.
async fn is_right(database: &TestDatabase, more: &str) {
    let pooler = PgBouncer::start(database, "transaction", more).expect("it was there before");
    let address = pooler.address(database);
    let mut trial = Trial::on(Home::new(), &database.url()).await;
    trial.start_workers(&address);
    trial.running().await;
    let doctor = trial.home.run(&["doctor", "--database", &address]);
    assert!(
        doctor.stdout.contains("transaction pooler"),
        "{}",
        doctor.report()
    );
    trial.open_gate();
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_takes_no_startup_options_is_said_what_to_be_told() {
    let database = telling().await;
    let Some(pooler) = PgBouncer::start(&database, "transaction", "") else {
        return;
    };
    let address = pooler.address(&database);
    let ran = Home::new().run(&["worker", "--database", &address]);
    assert!(ran.code != 0, "{}", ran.report());
    assert!(
        ran.stderr.contains("ignore_startup_parameters = options"),
        "{}",
        ran.report()
    );
}
