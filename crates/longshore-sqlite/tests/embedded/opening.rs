//! Opening a file: new, old, newer, shared with others, or not a database at all.

use std::path::PathBuf;
use std::process::{Child, Command};

use crate::support::{Folder, beside, job, open};
use longshore_core::store::{Reading, Registry, Store, StoreError, Submissions};
use longshore_sqlite::{Options, SqliteStore};

/// Names the file for a test that runs as another process.
const FILE: &str = "LONGSHORE_TEST_FILE";

/// Starts one test of this program as another process, on `file`.
fn in_another_process(test: &str, file: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", test])
        .env(FILE, file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("this program starts again")
}

/// The file that the starting process named, if one did; else one of the test's own.
fn file(folder: &Folder) -> PathBuf {
    std::env::var_os(FILE).map_or_else(|| folder.file(), PathBuf::from)
}

#[tokio::test]
async fn a_file_opens_with_its_queues_and_takes_a_job() {
    let folder = Folder::new();
    let store = open(&file(&folder)).await;
    let queues = store.queues().await.expect("queues");
    let names: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["default", "local"]);
    assert_eq!(store.instance().await.expect("instance").0.len(), 12);
    store.submit(&[job()]).await.expect("submit");
    store.close().await;
}

#[tokio::test]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    for round in 0..5 {
        let folder = Folder::new();
        let test = "opening::a_file_opens_with_its_queues_and_takes_a_job";
        let children: Vec<Child> = (0..4)
            .map(|_| in_another_process(test, &folder.file()))
            .collect();
        for mut child in children {
            assert!(child.wait().expect("a child").success(), "round {round}");
        }
        let store = open(&folder.file()).await;
        let page = store
            .list_jobs(&longshore_core::store::JobFilter {
                limit: 10,
                ..Default::default()
            })
            .await
            .expect("list");
        assert_eq!(page.jobs.len(), 4, "one job of each process");
        store.close().await;
        let (applied, newest): (i64, i64) = beside(&folder.file())
            .query_row(
                "SELECT count(*), max(version) FROM refinery_schema_history",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("history");
        assert_eq!(applied, newest, "each migration ran once");
    }
}

#[tokio::test]
async fn handles_that_open_a_new_file_at_once_all_succeed() {
    let folder = Folder::new();
    let opening = (0..8).map(|_| {
        let path = folder.file();
        tokio::spawn(async move { open(&path).await })
    });
    let mut instances = Vec::new();
    for handle in opening.collect::<Vec<_>>() {
        let store = handle.await.expect("no panic");
        instances.push(store.instance().await.expect("instance"));
        store.close().await;
    }
    instances.dedup();
    assert_eq!(instances.len(), 1, "they are handles on one database");
}

#[tokio::test]
async fn a_file_that_is_opened_again_keeps_what_it_held() {
    let folder = Folder::new();
    let store = open(&folder.file()).await;
    let instance = store.instance().await.expect("instance");
    let submitted = store.submit(&[job()]).await.expect("submit");
    store.close().await;
    let store = open(&folder.file()).await;
    assert_eq!(store.instance().await.expect("instance"), instance);
    assert_eq!(
        store.newest_job().await.expect("newest"),
        Some(submitted[0].job)
    );
    store.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_longshore_is_refused_and_left_alone() {
    let folder = Folder::new();
    open(&folder.file()).await.close().await;
    beside(&folder.file())
        .execute(
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '', '0')",
            [],
        )
        .expect("a later migration");
    let before = std::fs::read(folder.file()).expect("read");
    let refused = SqliteStore::open(folder.file(), Options::default()).await;
    assert!(
        matches!(refused, Err(StoreError::SchemaTooNew { found: 99, .. })),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(folder.file()).expect("read"), before);
}

#[tokio::test]
async fn a_database_of_another_program_is_named_as_such_and_left_alone() {
    let with_tables = "CREATE TABLE places (name); INSERT INTO places VALUES ('Kiel');";
    let with_a_mark = "PRAGMA application_id = 4711;";
    let with_migrations_of_its_own = "
        CREATE TABLE refinery_schema_history (
            version INTEGER PRIMARY KEY, name TEXT, applied_on TEXT, checksum TEXT);
        INSERT INTO refinery_schema_history VALUES (1, 'places', '', '123');";
    for made_by in [with_tables, with_a_mark, with_migrations_of_its_own] {
        let folder = Folder::new();
        beside(&folder.file())
            .execute_batch(made_by)
            .expect("another program's");
        let before = std::fs::read(folder.file()).expect("read");
        let refused = SqliteStore::open(folder.file(), Options::default()).await;
        let Err(StoreError::BadAddress(problem)) = refused else {
            panic!("{made_by}: {refused:?}");
        };
        assert!(problem.contains("of another program"), "{problem}");
        let after = std::fs::read(folder.file()).expect("read");
        assert!(after == before, "not a byte was changed: {made_by}");
    }
}

#[tokio::test]
async fn a_file_from_before_files_were_marked_is_known_by_its_history_and_marked() {
    let folder = Folder::new();
    open(&folder.file()).await.close().await;
    let mark = |file: &std::path::Path| -> i32 {
        beside(file)
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .expect("a pragma")
    };
    let ours = mark(&folder.file());
    assert_eq!(ours, 0x4C53_4852, "new files are marked");
    beside(&folder.file())
        .execute_batch(
            "PRAGMA application_id = 0;
            DELETE FROM refinery_schema_history WHERE version > 1;
            ALTER TABLE host RENAME COLUMN slots TO capacity;
            ALTER TABLE host DROP COLUMN memory_bytes;
            ALTER TABLE host DROP COLUMN millicpus;
            ALTER TABLE host DROP COLUMN problem;
            ALTER TABLE worker DROP COLUMN host_ids;
            ALTER TABLE lease DROP COLUMN memory_bytes;
            ALTER TABLE lease DROP COLUMN millicpus;
            ALTER TABLE lease DROP COLUMN note;
            ALTER TABLE lease DROP COLUMN takeovers;
            ALTER TABLE lease DROP COLUMN orphaned;
            ALTER TABLE lease DROP COLUMN boot_id;
            ALTER TABLE host DROP COLUMN forgotten_at;
            ALTER TABLE queue DROP COLUMN on_host_lost;
            DROP TABLE ageing_mark;
            DROP TABLE aged;
            DROP TRIGGER change_ready;
            DROP TRIGGER change_scheduled;
            DROP TRIGGER change_launching;
            DROP TRIGGER change_running;
            DROP TRIGGER change_settled;
            DROP TABLE change;
            ALTER TABLE instance DROP COLUMN home;
            ALTER TABLE instance DROP COLUMN path;
            DROP TABLE api_token;
            DROP TABLE audit;
            DROP TABLE closed;
            DROP TABLE webhook;
            DROP TABLE webhook_cursor;
            DROP TABLE delivery;
            DROP TABLE attempt_usage;",
        )
        .expect("as version 1 left it");
    open(&folder.file()).await.close().await;
    assert_eq!(mark(&folder.file()), ours);
}

#[tokio::test]
async fn a_file_whose_migration_failed_is_as_it_was_before() {
    let folder = Folder::new();
    beside(&folder.file())
        .execute_batch("PRAGMA application_id = 0x4C534852; CREATE TABLE lease (in_the_way)")
        .expect("a file of ours with a stray table");
    let refused = SqliteStore::open(folder.file(), Options::default()).await;
    assert!(
        matches!(refused, Err(StoreError::Unexpected { .. })),
        "{refused:?}"
    );
    let tables: i64 = beside(&folder.file())
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .expect("schema");
    assert_eq!(tables, 1, "nothing of ours is left");
}

#[tokio::test]
async fn what_is_no_database_is_named_as_such_and_left_alone() {
    let folder = Folder::new();
    let text = "dear diary, ".repeat(200);
    std::fs::write(folder.file(), &text).expect("write");
    let refused = SqliteStore::open(folder.file(), Options::default()).await;
    let Err(StoreError::BadAddress(problem)) = refused else {
        panic!("{refused:?}");
    };
    assert!(problem.contains("is not a SQLite database"), "{problem}");
    assert_eq!(std::fs::read_to_string(folder.file()).expect("read"), text);
}

#[tokio::test]
async fn a_folder_in_place_of_a_file_is_named_as_such() {
    let folder = Folder::new();
    let path = folder.file();
    std::fs::create_dir(&path).expect("a folder");
    let refused = SqliteStore::open(&path, Options::default()).await;
    let Err(StoreError::BadAddress(problem)) = refused else {
        panic!("{refused:?}");
    };
    assert!(problem.contains("is a folder"), "{problem}");
}

#[tokio::test]
async fn a_place_where_nothing_can_be_written_is_named_as_such() {
    // Below a file there can be no folder, whoever asks.
    let folder = Folder::new();
    std::fs::write(folder.file(), "").expect("write");
    let path = folder.file().join("deeper").join("longshore.db");
    let refused = SqliteStore::open(&path, Options::default()).await;
    let Err(StoreError::CannotWrite { problem, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(problem.contains("longshore.db"), "{problem}");
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "").expect("write");
    let store = open(&folder.file()).await;
    assert_eq!(store.newest_job().await.expect("newest"), None);
    store.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_named_as_such() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let folder = Folder::new();
    let given = std::env::var_os(FILE).map(PathBuf::from);
    let is_root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let file = given.unwrap_or_else(|| folder.file());
    if !file.exists() {
        open(&file).await.close().await;
        let read_only = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(&file, read_only).expect("its owner may");
    }
    if !is_root {
        let refused = SqliteStore::open(&file, Options::default()).await;
        let Err(StoreError::CannotWrite { problem, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!(problem.contains("read-only"), "{problem}");
        return;
    }
    // Root may write whatever it likes, so another user looks, with a copy of this program that
    // it may run.
    let home = file.parent().expect("a folder");
    let open_to_all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home, open_to_all).expect("its owner may");
    let program = home.join("test");
    std::fs::copy(std::env::current_exe().expect("a path"), &program).expect("copy");
    let nobody = 65_534;
    let status = Command::new(&program)
        .args([
            "--exact",
            "opening::a_file_that_may_only_be_read_is_named_as_such",
        ])
        .env(FILE, &file)
        .current_dir("/")
        .uid(nobody)
        .gid(nobody)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("the copy starts");
    assert!(status.success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_and_its_folder_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file().with_file_name("data").join("longshore.db");
    let store = open(&path).await;
    store.submit(&[job()]).await.expect("submit");
    let log = path.with_file_name("longshore.db-wal");
    for (path, mode) in [
        (path.parent().expect("a folder"), 0o700),
        (&path, 0o600),
        (&log, 0o600),
    ] {
        let found = std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
    store.close().await;
}
