//! Encrypted connections: what `sslmode` and its companions ask for is had or refused, on a server that
//! has TLS and on one that has none.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore_core::store::{Registry as _, Store as _, StoreError};
use longshore_postgres::testing::TestDatabase;
use longshore_postgres::{Options, PostgresStore, migrate};
use longshore_testkit::servers::{Postgres, account};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// Two authorities, a server's certificate of the first for `localhost` or another name, and a client's.
struct Papers {
    folder: PathBuf,
}

impl Papers {
    /// Writes them into this folder, readable by the server's account.
    fn write(folder: &Path, server_name: &str) -> Self {
        let papers = Self {
            folder: folder.join("papers"),
        };
        fs::create_dir(&papers.folder).expect("the folder is ours");
        let issuer = papers.authority("ca.pem");
        papers.authority("other-ca.pem");
        papers.certificate("server", &issuer, server_name);
        papers.certificate("client", &issuer, "postgres");
        papers
    }

    fn path(&self, file: &str) -> String {
        let path = self.folder.join(file);
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }

    fn authority(&self, file: &str) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, file);
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(self.path(file), certificate.pem()).expect("the folder is ours");
        Issuer::new(params, key)
    }

    fn certificate(&self, who: &str, issuer: &Issuer<'static, KeyPair>, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, issuer).expect("a certificate");
        fs::write(self.path(&format!("{who}.pem")), certificate.pem()).expect("the folder is ours");
        let path = self.path(&format!("{who}.key"));
        fs::write(&path, key.serialize_pem()).expect("the folder is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        if let Some((user, group)) = account().filter(|_| who == "server") {
            chown(&path, Some(user), Some(group)).expect("root gives files away");
        }
    }
}

/// A server with TLS, under the name that its certificate bears.
fn server(name: &str, hba: Option<&str>) -> Option<(Postgres, Papers)> {
    let folder = TempDir::new().expect("a folder can be made");
    let papers = Papers::write(folder.path(), name);
    let mut settings = vec![
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", papers.path("server.pem")),
        format!("ssl_key_file={}", papers.path("server.key")),
        format!("ssl_ca_file={}", papers.path("ca.pem")),
    ];
    if let Some(hba) = hba {
        fs::write(papers.path("hba"), hba).expect("the folder is ours");
        settings.push(format!("hba_file={}", papers.path("hba")));
    }
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let data = folder.path().join("data");
    let server = Postgres::start_in(folder, data, &settings)?;
    Some((server, papers))
}

/// Its address with these parameters, under a name rather than a number.
fn address(server: &Postgres, parameters: &str) -> String {
    let url = server.url().replace("127.0.0.1", "localhost");
    format!("{url}?{parameters}")
}

/// How many of the server's sessions of ours are encrypted, and how many are not.
async fn sessions(server: &Postgres) -> (i64, i64) {
    let config: tokio_postgres::Config = server.url().parse().expect("an address");
    let (client, connection) = config
        .connect(tokio_postgres::NoTls)
        .await
        .expect("it runs");
    tokio::spawn(connection);
    let sql = "SELECT count(*) FILTER (WHERE s.ssl), count(*) FILTER (WHERE NOT s.ssl)
               FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid)
               WHERE a.application_name = 'longshore'";
    let row = client.query_one(sql, &[]).await.expect("it answers");
    (row.get(0), row.get(1))
}

async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
    migrate(url, &Options::default()).await?;
    PostgresStore::connect(url, Options::default()).await
}

fn refusal(refused: Result<PostgresStore, StoreError>, case: &str) -> String {
    let error = refused.expect_err(case);
    let mut text = error.to_string();
    let mut behind = std::error::Error::source(&error);
    while let Some(error) = behind {
        text = format!("{text}: {error}");
        behind = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_trusted_is_spoken_to_in_secret_by_every_connection() {
    let Some((server, papers)) = server("localhost", None) else {
        return;
    };
    let root = papers.path("ca.pem");
    let url = address(&server, &format!("sslmode=verify-full&sslrootcert={root}"));
    let store = connect(&url).await.expect("it is trusted");
    store.queues().await.expect("it answers");
    let mut wakeups = store.wakeups();
    assert!(wakeups.wait(Duration::from_secs(20)).await, "it listens");
    let (secret, open) = sessions(&server).await;
    assert!(secret >= 2 && open == 0, "{secret} and {open}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_trusted_is_refused_with_the_reason() {
    let Some((server, papers)) = server("elsewhere.example", None) else {
        return;
    };
    let (root, other) = (papers.path("ca.pem"), papers.path("other-ca.pem"));
    for (parameters, says) in [
        (
            format!("sslmode=verify-full&sslrootcert={root}"),
            "elsewhere.example",
        ),
        (
            format!("sslmode=verify-ca&sslrootcert={other}"),
            "UnknownIssuer",
        ),
        (
            format!("sslmode=require&sslrootcert={other}"),
            "UnknownIssuer",
        ),
        ("sslmode=verify-ca".to_owned(), "UnknownIssuer"),
    ] {
        let text = refusal(connect(&address(&server, &parameters)).await, &parameters);
        assert!(text.contains(says), "{parameters}: {text}");
    }
    // Whose name nobody asks for, and whom nobody asks for papers.
    for parameters in [
        format!("sslmode=verify-ca&sslrootcert={root}"),
        "sslmode=require".to_owned(),
        "sslmode=prefer".to_owned(),
    ] {
        let store = connect(&address(&server, &parameters)).await;
        let store = store.unwrap_or_else(|error| panic!("{parameters}: {error}"));
        let (secret, open) = sessions(&server).await;
        assert!(
            secret >= 1 && open == 0,
            "{parameters}: {secret} and {open}"
        );
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_on_this_machine_is_not_encrypted_unless_asked() {
    let Some((server, _papers)) = server("localhost", None) else {
        return;
    };
    let store = connect(&server.url()).await.expect("it takes both");
    let (secret, open) = sessions(&server).await;
    assert!(secret == 0 && open >= 1, "{secret} and {open}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_own_certificate() {
    let hba = "hostssl all all 127.0.0.1/32 cert\nhostssl all all ::1/128 cert\n";
    let Some((server, papers)) = server("localhost", Some(hba)) else {
        return;
    };
    let with = format!(
        "sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
        papers.path("ca.pem"),
        papers.path("client.pem"),
        papers.path("client.key"),
    );
    let store = connect(&address(&server, &with))
        .await
        .expect("it is let in");
    store.close().await;
    let without = format!("sslmode=verify-full&sslrootcert={}", papers.path("ca.pem"));
    let text = refusal(connect(&address(&server, &without)).await, "without one");
    assert!(text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let and = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{and}sslmode=require");
    let refused = PostgresStore::connect(&url, Options::default()).await;
    let text = refusal(refused, "sslmode=require");
    assert!(text.contains("TLS"), "{text}");
}
