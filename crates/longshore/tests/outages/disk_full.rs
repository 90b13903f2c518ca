//! The disk of the database is full for a while.

use crate::support::Home;
use crate::tight::Tight;
use crate::trial::Trial;
use longshore_testkit::servers::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn workers_wait_while_the_disk_of_their_file_is_full() {
    let home = Home::new();
    let folder = home.path().join("tight");
    let Some(tight) = Tight::mount(&folder, 8) else {
        return;
    };
    let address = format!("sqlite:{}", folder.join("jobs.db").display());
    let mut trial = Trial::on(home, &address).await;
    trial.start_workers(&address);
    trial.running().await;
    tight.fill();
    trial.end_of_first().await;
    let noticed = || trial.is_said("the disk is full");
    trial.until("a worker has noticed", noticed).await;
    tight.relieve();
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_wait_while_the_disk_of_their_server_is_full() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let room = folder.path().join("tight");
    let Some(tight) = Tight::mount(&room, 128) else {
        return;
    };
    let small = ["max_wal_size=32MB", "min_wal_size=32MB"];
    let Some(mut server) = Postgres::start_in(folder, room.join("data"), &small) else {
        return;
    };
    let home = Home::new();
    home.ok(&["migrate", "--database", &server.url()]);
    let mut trial = Trial::on(home, &server.url()).await;
    trial.start_workers(&server.url());
    trial.running().await;
    tight.fill();
    // Something that takes room, until there is none: output, indexes or the log of changes.
    let filling = tokio::spawn(take_room(server.url()));
    trial.end_of_first().await;
    trial
        .until("the server has no room", || {
            server.log().contains("No space left on device")
        })
        .await;
    filling.abort();
    tight.relieve();
    // One that could not even write its log of changes has ended itself.
    server.start_if_ended();
    trial.passes().await;
}

async fn take_room(url: String) {
    let config: tokio_postgres::Config = url.parse().expect("an address");
    loop {
        if let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await {
            tokio::spawn(connection);
            let take = "CREATE TABLE IF NOT EXISTS room (what text); \
                        INSERT INTO room SELECT repeat('x', 100) FROM generate_series(1, 10000)";
            let _no_room = client.batch_execute(take).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
