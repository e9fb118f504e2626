//! What SendGrid reports: signed, each event once, in whatever order.

use gatehouse_tests::sendgrid::event;
use reqwest::Method;

use super::*;

const PATH: &str = "/api/webhooks/sendgrid";

async fn sent(app: &App, admin: &Client, to: &str) -> String {
    let made = admin.post(SEND, words(to)).await.expect(201);
    dispatch(app).await;
    reaches(admin, &id(&made), "sent").await;
    id(&made)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_report_counts_only_when_sendgrid_signed_it_lately() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = address("reader");
    let mail_id = sent(&app, &admin, &to).await;
    let at = app.now_ms() / 1000;
    let body = json!([event("bounce", "e-1", &to, &mail_id, at)]).to_string();
    let post = async |signature: Option<String>, timestamp: Option<String>, body: &str| {
        let mut client = app.anonymous();
        if let Some(signature) = signature {
            client = client.header("x-twilio-email-event-webhook-signature", &signature);
        }
        if let Some(timestamp) = timestamp {
            client = client.header("x-twilio-email-event-webhook-timestamp", &timestamp);
        }
        client.send_bytes(Method::POST, PATH, "application/json", body.to_owned()).await
    };
    let (own, other) = (Events::new(1), Events::new(2));
    let good = || Some(own.sign(at, body.as_bytes()));
    let now = || Some(at.to_string());
    let day = 26 * 3_600;
    for (signature, timestamp, reason) in [
        (None, now(), "unsigned"),
        (good(), None, "unsigned"),
        (Some("AAAA".to_owned()), now(), "unsigned"),
        (good(), Some("soon".to_owned()), "unsigned"),
        (Some(other.sign(at, body.as_bytes())), now(), "bad_signature"),
        (good(), Some((at + 1).to_string()), "bad_signature"),
        (Some(own.sign(at - day, body.as_bytes())), Some((at - day).to_string()), "too_late"),
        (Some(own.sign(at + day, body.as_bytes())), Some((at + day).to_string()), "too_late"),
    ] {
        assert_eq!(post(signature, timestamp, &body).await.expect_problem(400)["reason"], reason);
    }
    let altered = body.replace("bounce", "spamreport");
    assert_eq!(post(good(), now(), &altered).await.expect_problem(400)["reason"], "bad_signature");
    assert_eq!(mail(&admin, &mail_id).await["status"], "sent", "what was refused changed nothing");

    assert_eq!(post(good(), now(), &body).await.expect(200), json!({"received": 1, "recorded": 1}));
    assert_eq!(mail(&admin, &mail_id).await["status"], "bounced");
    // Sent again, it changes nothing: not what an administrator has done since, either.
    admin.delete(&format!("{SUPPRESSIONS}/{to}")).await.expect(204);
    assert_eq!(post(good(), now(), &body).await.expect(200), json!({"received": 1, "recorded": 0}));
    admin.delete(&format!("{SUPPRESSIONS}/{to}")).await.expect_problem(404);

    for (body, status) in [("{}", 400), ("[", 400), ("[]", 200), ("[7, null, {\"event\": \"bounce\"}]", 200)] {
        let answer = post(Some(own.sign(at, body.as_bytes())), now(), body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    app.anonymous().get(PATH).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_mail_stands_where_the_reports_say_in_whatever_order_they_come() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let events = Events::new(1);
    for (order, status, on_list) in [
        (&["processed", "delivered", "open"][..], "delivered", Value::Null),
        (&["deferred"][..], "deferred", Value::Null),
        (&["delivered", "deferred"][..], "delivered", Value::Null),
        (&["delivered", "bounce"][..], "bounced", json!("bounced")),
        (&["bounce", "delivered"][..], "bounced", json!("bounced")),
        (&["spamreport", "delivered"][..], "complained", json!("complained")),
        (&["delivered", "unsubscribe"][..], "delivered", json!("unsubscribed")),
        (&["unsubscribe", "bounce"][..], "bounced", json!("bounced")),
        (&["dropped"][..], "failed", Value::Null),
    ] {
        let to = address("reader");
        let mail_id = sent(&app, &admin, &to).await;
        for kind in order {
            events.report(&app, &json!([event(kind, &unique("event"), &to, &mail_id, app.now_ms() / 1000)])).await.expect(200);
        }
        let detail = mail(&admin, &mail_id).await;
        assert_eq!(detail["status"], status, "{order:?}: {detail}");
        let listed = admin.get(&format!("{SUPPRESSIONS}?email={to}")).await.expect(200);
        assert_eq!(listed["items"][0]["reason"], on_list, "{order:?}");
        if status == "bounced" {
            assert!(detail["error"].as_str().expect("why").contains("does not exist"), "{detail}");
            assert_eq!(detail["events"].as_array().map(Vec::len), Some(2), "{detail}");
        }
    }
    // A server that refuses this time is no reason to write never again.
    let to = address("blocked");
    let mail_id = sent(&app, &admin, &to).await;
    let mut blocked = event("bounce", &unique("event"), &to, &mail_id, app.now_ms() / 1000);
    blocked["type"] = json!("blocked");
    events.report(&app, &json!([blocked])).await.expect(200);
    assert_eq!(mail(&admin, &mail_id).await["status"], "bounced");
    assert_eq!(admin.get(&format!("{SUPPRESSIONS}?email={to}")).await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_address_whose_mail_comes_back_gets_none_and_its_owner_still_a_code() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let (email, _) = app.new_user("visitor", json!({})).await;
    let mail_id = sent(&app, &admin, &email).await;
    // Many at once, of which one is about a mail that is none of these.
    let other = address("other");
    let mut of_others = event("bounce", &unique("event"), &other, "", app.now_ms() / 1000);
    of_others.as_object_mut().expect("an object").remove("mail_id");
    let report = json!([event("bounce", &unique("event"), &email, &mail_id, app.now_ms() / 1000), of_others]);
    assert_eq!(Events::new(1).report(&app, &report).await.expect(200)["recorded"], 2);
    for to in [&email, &other] {
        let made = admin.post(SEND, words(to)).await.expect(201);
        assert_eq!(made["status"], "suppressed");
    }
    dispatch(&app).await;
    assert_eq!((taken(&receiver, &email).len(), taken(&receiver, &other).len()), (1, 0));
    // A mailbox that was full may have room again: a code is not what keeps its owner out.
    app.anonymous().post("/v0/api/mail/request-password-reset", json!({"email": email})).await.expect(200);
    eventually("the code", Duration::from_secs(10), async || {
        dispatch(&app).await;
        (taken(&receiver, &email).len() == 2).then_some(())
    })
    .await;
}
