//! Who wants no more of them is off the list with one click (RFC 8058), and stays there.

use reqwest::Method;

use super::*;

/// The path of the address in a mail's headers.
pub fn link(mail: &Value) -> String {
    assert_eq!(mail["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let header = mail["headers"]["List-Unsubscribe"].as_str().expect("a header");
    let link = header.strip_prefix('<').and_then(|link| link.strip_suffix('>')).expect("in angle brackets");
    assert!(link.starts_with(&format!("{ORIGIN}/v0/api/mail/unsubscribe?token=")), "{link}");
    link.to_owned()
}

fn path(link: &str) -> &str {
    link.strip_prefix(ORIGIN).expect("an address of ours")
}

async fn circular(admin: &Client, to: &str) -> Value {
    admin.post(BULK, json!({"recipients": [to], "subject": "Closed", "text": "On Monday."})).await.expect(201)
}

async fn got_link(app: &App, receiver: &Receiver, admin: &Client, to: &str) -> String {
    circular(admin, to).await;
    let mail = eventually("the mail", Duration::from_secs(10), async || {
        dispatch(app).await;
        taken(receiver, to).pop()
    });
    link(&mail.await)
}

async fn reason(admin: &Client, email: &str) -> Value {
    admin.get(&format!("{SUPPRESSIONS}?email={email}")).await.expect(200)["items"][0]["reason"].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_click_without_signing_in_ends_circulars_and_nothing_else() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("reader");
    let link = got_link(&app, &receiver, &admin, &to).await;
    let anonymous = app.anonymous();

    // Programs that look for malware follow every link.
    let page = anonymous.get(path(&link)).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains(&to) && page.text().contains("<form method=\"post\">"), "{}", page.text());
    assert!(page.header("content-security-policy").contains("form-action 'self'"));
    assert_eq!(reason(&admin, &to).await, Value::Null, "a GET changes nothing");

    // As a reader's program sends it: RFC 8058 section 3.2.
    for _ in 0..2 {
        let done = anonymous.send_bytes(Method::POST, path(&link), "application/x-www-form-urlencoded", "List-Unsubscribe=One-Click").await;
        assert_eq!(done.status, 200, "{}", done.text());
        assert!(done.headers.get("location").is_none() && done.headers.get("set-cookie").is_none());
    }
    assert_eq!(reason(&admin, &to).await, "unsubscribed");
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let done = anonymous.send_bytes(Method::POST, path(&link), "multipart/form-data; boundary=b", multipart).await;
    assert_eq!(done.status, 200, "{}", done.text());

    let bulk = circular(&admin, &to).await;
    assert_eq!((&bulk["accepted"], &bulk["suppressed"]), (&json!(1), &json!(1)));
    // What is theirs they get.
    let made = admin.post(SEND, words(&to)).await.expect(201);
    reaches(&admin, &id(&made), "sent").await;
    dispatch(&app).await;
    assert_eq!(taken(&receiver, &to).len(), 2);
    let rows: i64 = app.db().query_row("select count(*) from mail_suppressions", [], |row| row.get(0)).expect("a count");
    assert_eq!(rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nobody_takes_others_off() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let (one, two) = (address("one"), address("two"));
    let links = [got_link(&app, &receiver, &admin, &one).await, got_link(&app, &receiver, &admin, &two).await];
    let token = |link: &str| link.rsplit('=').next().expect("a token").to_owned();
    let [(first, first_tag), (_, second_tag)] =
        links.each_ref().map(|link| token(link).split_once('.').map(|(name, tag)| (name.to_owned(), tag.to_owned())).expect("two parts"));
    let mut altered = first_tag.clone().into_bytes();
    altered[0] = if altered[0] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).expect("ASCII");
    let base = "/v0/api/mail/unsubscribe";
    for forged in [format!("{first}.{second_tag}"), format!("{first}.{altered}"), first.clone(), ".".to_owned(), format!("{first}.")] {
        app.anonymous().send(Method::POST, &format!("{base}?token={forged}"), None).await.expect_invalid(&["token"]);
        app.anonymous().get(&format!("{base}?token={forged}")).await.expect_invalid(&["token"]);
    }
    app.anonymous().send(Method::POST, base, None).await.expect_invalid(&["token"]);
    app.anonymous().send(Method::POST, &format!("{}&email={two}", path(&links[0])), None).await.expect_invalid(&["email"]);
    for email in [&one, &two] {
        assert_eq!(reason(&admin, email).await, Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_leaves_while_a_mail_waits_does_not_get_it() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("leaver");
    let link = got_link(&app, &receiver, &admin, &to).await;
    receiver.respond_with(503);
    let bulk = circular(&admin, &to).await;
    let list = format!("{MESSAGES}?batch_id={}", bulk["batch_id"].as_str().expect("an id"));
    eventually("the first attempt", Duration::from_secs(10), async || {
        dispatch(&app).await;
        admin.get(&list).await.expect(200)["items"][0]["error"].as_str().map(drop)
    })
    .await;
    app.anonymous().send(Method::POST, path(&link), None).await;
    receiver.recover();
    app.advance(Duration::from_secs(60));
    dispatch(&app).await;
    let admin = app.user("admin").await;
    let waiting = admin.get(&list).await.expect(200);
    assert_eq!(waiting["items"][0]["status"], "suppressed", "{waiting}");
    assert!(waiting["items"][0]["error"].as_str().expect("why").contains("suppression list"), "{waiting}");
    assert_eq!(taken(&receiver, &to).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_keep_the_list() {
    let app = App::start().await;
    let admin = app.user("admin").await;
    let email = address("listed");
    let added = admin.post(SUPPRESSIONS, json!({"email": email.to_uppercase(), "detail": "asked by phone"})).await.expect(201);
    assert_eq!((&added["email"], &added["reason"], &added["detail"]), (&json!(email), &json!("manual"), &json!("asked by phone")));
    admin.post(SUPPRESSIONS, json!({"email": email})).await.expect_problem(409);
    admin.post(SUPPRESSIONS, json!({"email": "x", "reason": "because", "created_by": "me"})).await.expect_invalid(&[
        "created_by",
        "email",
        "reason",
    ]);
    let listed = admin.get(&format!("{SUPPRESSIONS}/?reason=manual&limit=500")).await.expect(200);
    assert!(listed["items"].as_array().expect("items").contains(&added));
    let empty = admin.get(&format!("{SUPPRESSIONS}?reason=bounced&email={email}")).await.expect(200);
    assert_eq!(empty["items"], json!([]));
    admin.delete(&format!("{SUPPRESSIONS}/{}", email.to_uppercase())).await.expect(204);
    admin.delete(&format!("{SUPPRESSIONS}/{email}")).await.expect_problem(404);
    assert_eq!(reason(&admin, &email).await, Value::Null);
    let db = app.db();
    let mut trail = db.prepare("select action from audit_log where entity = 'mail_suppressions' and subject = ? order by id").expect("SQL");
    let trail: Vec<String> = trail.query_map([&email], |row| row.get(0)).expect("rows").map(Result::unwrap).collect();
    assert_eq!(trail, ["created", "deleted"]);
}
