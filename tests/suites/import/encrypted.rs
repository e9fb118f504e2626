//! A PostgreSQL server that lets nobody in without TLS, and one that has none.

use gatehouse_tests::postgres::Postgres;

use super::{DJANGO, Move, table};

/// What importing from this address says: an error, as a text, or how much it has written.
async fn import(moved: &Move, address: String) -> Result<u64, String> {
    let args = moved.args(&[address], &[]);
    let run = tokio::task::spawn_blocking(move || gatehouse_import::run(&args)).await.expect("no panic");
    run.map(|report| report.written()).map_err(|error| format!("{error:#}"))
}

fn users() -> String {
    let row = format!("1, 'staff@slots.example', '{DJANGO}', false, true, '2025-01-01 00:00:00+00'");
    table("users", "id int, email text, password text, is_superuser bool, is_staff bool, date_joined timestamptz", &[&row])
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_server_with_a_certificate_is_read_by_those_who_believe_it() {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let Some(postgres) = Postgres::start_with_tls(&certificate, &key).await else { return };
    let moved = Move::start(&["--from", "s2"]).await;
    postgres.run(&users());
    let address = postgres.address();
    let believed = moved.file("server.pem", &certificate);
    let another = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let another = moved.file("another.pem", another.cert.pem());

    let plain = import(&moved, address.clone()).await.expect_err("it wants TLS");
    assert!(plain.contains("pg_hba.conf"), "{plain}");
    for unbelieved in [format!("{address}?sslmode=require"), format!("{address}?sslmode=require&sslrootcert={another}")] {
        let error = import(&moved, unbelieved).await.expect_err("nobody answers for it");
        assert!(error.contains("certificate"), "{error}");
    }
    // For another name it is no certificate.
    let elsewhere = address.replace("127.0.0.1", "localhost");
    import(&moved, format!("{elsewhere}?sslmode=verify-ca&sslrootcert={believed}")).await.expect_err("it is not the server's");
    assert_eq!(import(&moved, format!("{address}?sslmode=require&sslrootcert={believed}")).await, Ok(1));
    moved.sign_in("/api/auth/login/", "staff@slots.example").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_server_without_tls_is_not_read_in_plain_text_when_tls_was_asked_for() {
    let Some(postgres) = Postgres::start().await else { return };
    let moved = Move::start(&["--from", "s2"]).await;
    postgres.run(&users());
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let believed = moved.file("server.pem", own.cert.pem());
    let before = moved.rows();
    let asked = format!("{}?sslmode=require&sslrootcert={believed}", postgres.address());
    let refused = import(&moved, asked).await.expect_err("it has no TLS");
    assert!(refused.contains("TLS"), "{refused}");
    assert_eq!(moved.rows(), before);
    assert_eq!(import(&moved, format!("{}?sslmode=disable", postgres.address())).await, Ok(1));
}
