//! Nobody learns who has an account: neither by what is answered, nor by how long that takes, nor from the database.

use super::*;

/// Pairs of requests that are compared.
const PAIRS: usize = 60;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The answer without what is of its moment alone.
fn words(answer: &gatehouse_tests::Response) -> Value {
    let mut words = answer.json();
    for field in ["expires_at", "request_id"] {
        if let Some(value) = words.get_mut(field) {
            *value = Value::Null;
        }
    }
    words
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_address_without_an_account_is_answered_the_same_after_the_same_work() {
    let Some(app) = App::embedded(&BEHIND_A_PROXY).await else { return };
    app.admin().await;
    let now = app.now_ms();
    let mut db = app.db();
    let transaction = db.transaction().expect("a transaction");
    for number in 0..PAIRS {
        transaction
            .execute(
                "insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
                 values (?1, ?2, 'Somebody', 'visitor', '!', ?3, ?3, 'test')",
                (unique("user"), format!("known{number}@example.com"), now),
            )
            .expect("SQL");
    }
    transaction.commit().expect("a commit");
    let (mut answers, mut times) = ([BTreeSet::new(), BTreeSet::new()], [Vec::new(), Vec::new(), Vec::new(), Vec::new()]);
    for number in 0..PAIRS {
        let client = app.anonymous().header("x-forwarded-for", &format!("10.1.{number}.7"));
        for (index, name) in ["known", "unknown"].into_iter().enumerate() {
            let email = format!("{name}{number}@example.com");
            let requests = [(REQUEST, json!({"email": email}), 0), (RESET, body(&email, "000000"), 2)];
            for (path, body, measured) in requests {
                let began = Instant::now();
                let answer = client.post(path, body).await;
                times[index + measured].push(began.elapsed());
                // One guess in a million is right.
                if answer.status == 422 || path == REQUEST {
                    answers[index].insert((path, answer.status, words(&answer).to_string()));
                }
            }
        }
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].len(), 2, "{:?}", answers[0]);
    let [known, unknown, known_guess, unknown_guess] = times.map(median);
    println!("asking: {known:?} with an account, {unknown:?} without; guessing: {known_guess:?} with, {unknown_guess:?} without");
    for (with, without) in [(known, unknown), (known_guess, unknown_guess)] {
        let (less, more) = (with.min(without), with.max(without));
        assert!(more - less < less / 3 + Duration::from_millis(1), "with an account {with:?}, without {without:?}");
    }

    // As much is written for one as for the other, and no stranger's address.
    let count = |sql: &str| -> i64 { app.db().query_row(sql, [], |row| row.get(0)).expect("a count") };
    let pairs = i64::try_from(PAIRS).expect("a small number");
    assert_eq!(count("select count(*) from password_resets where user_id is null"), pairs);
    assert_eq!(count("select count(*) from password_resets where user_id is not null"), pairs);
    assert_eq!(count("select count(*) from outbox where topic = 'account.reset_code'"), 2 * pairs);
    assert_eq!(count("select count(*) from outbox where topic = 'account.reset_code' and mail_to is not null"), pairs);
    assert_eq!(count("select count(*) from outbox where mail_to like 'unknown%' or payload like '%unknown%'"), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn neither_codes_nor_addresses_are_kept_where_they_can_be_read() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (email, _) = app.new_user("visitor", json!({})).await;
    let code = sent_code(&app, &email).await;
    let row: (Vec<u8>, Vec<u8>, String) = app
        .db()
        .query_row("select address, code_hash, id from password_resets order by created_at desc limit 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a row");
    assert_eq!((row.0.len(), row.1.len()), (32, 32));
    // Without the key, six digits cannot be tried out against it.
    use sha2::Digest as _;
    for guess in [code.clone(), format!("{}\n{code}", row.2), format!("code\n{}\n{code}\n", row.2)] {
        assert_ne!(row.1, sha2::Sha256::digest(guess.as_bytes()).to_vec());
    }
    assert_ne!(row.0, sha2::Sha256::digest(email.as_bytes()).to_vec());
}
