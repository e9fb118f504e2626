//! To many: each recipient is judged, sent and told of by itself.

use std::collections::BTreeMap;
use std::time::Instant;

use super::*;

/// How many mails of a request stand where.
async fn standing(admin: &Client, batch: &Value) -> BTreeMap<String, usize> {
    let path = format!("{MESSAGES}?limit=500&batch_id={}", batch["batch_id"].as_str().expect("an id"));
    let mut standing = BTreeMap::new();
    for mail in admin.get(&path).await.expect(200)["items"].as_array().expect("items") {
        *standing.entry(mail["status"].as_str().expect("a status").to_owned()).or_default() += 1;
    }
    standing
}

fn statuses(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(status, count)| ((*status).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_fault_in_one_recipient_holds_up_no_other() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let template = json!({"name": unique("t"), "subject": "For {{ name }}", "text": "Gate {{ gate }}, {{ day }}"});
    admin.post(TEMPLATES, template.clone()).await.expect(201);
    let off = address("off");
    admin.post(SUPPRESSIONS, json!({"email": off})).await.expect(201);
    let good: Vec<_> = (0..40).map(|number| address(&format!("good{number}"))).collect();
    let mut recipients = vec![
        json!({"email": format!("busy{BUSY}"), "name": "Busy"}),
        json!({"email": format!("refused{REFUSED}"), "name": "Refused"}),
        json!({"email": "nobody"}),
        json!({"email": address("nameless")}),
        json!({"email": off, "name": "Off"}),
        json!(7),
    ];
    recipients.extend(good.iter().map(|email| json!({"email": email, "name": "Good", "variables": {"gate": "South"}})));
    recipients.push(json!({"email": good[0].to_uppercase(), "name": "Twice"}));
    let body = json!({"template": template["name"], "variables": {"gate": "North", "day": "Monday"}, "recipients": recipients});
    let bulk = admin.post(BULK, body).await.expect(201);
    let counts = ["accepted", "duplicate", "rejected", "suppressed"].map(|name| bulk[name].as_u64().expect("a count"));
    assert_eq!(counts, [43, 1, 3, 1], "{bulk}");
    let rejected: Vec<_> = bulk["errors"].as_array().expect("errors").iter().map(|error| (&error["index"], &error["errors"])).collect();
    assert_eq!(rejected[0].0, 2);
    assert!(rejected[0].1["email"].is_array() && rejected[1].1["variables"].is_array() && rejected[2].1["body"].is_array(), "{bulk}");
    assert_eq!((rejected[1].0, rejected[2].0), (&json!(3), &json!(5)));

    let expected = statuses(&[("failed", 1), ("queued", 1), ("sent", 40), ("suppressed", 1)]);
    eventually("all others to be sent", Duration::from_secs(20), async || (standing(&admin, &bulk).await == expected).then_some(())).await;
    for email in &good {
        let mails = taken(&receiver, email);
        assert_eq!(mails.len(), 1, "{email}");
        assert!(
            mails[0]["content"][0]["value"].as_str().expect("a text").starts_with("Gate South, Monday"),
            "their own go before those of all"
        );
    }
    assert!(taken(&receiver, &off).is_empty());
    let list = admin.get(&format!("{MESSAGES}?status=failed&batch_id={}", bulk["batch_id"].as_str().expect("an id"))).await.expect(200);
    assert!(list["items"][0]["error"].as_str().expect("why").contains("400"), "{list}");
    let list = admin.get(&format!("{MESSAGES}?email={off}")).await.expect(200);
    assert!(list["items"][0]["error"].as_str().expect("why").contains("manual"), "{list}");
    // What waits is told why.
    let list = admin.get(&format!("{MESSAGES}?email=busy{BUSY}&status=queued")).await.expect(200);
    assert!(list["items"][0]["error"].as_str().expect("why").contains("503"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nobody_waits_while_a_template_is_filled_for_many() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    let device = app.device(&code).await;
    let text = "{% for step in range(90000) %}{% endfor %}On Monday.";
    let template = json!({"name": unique("slow"), "subject": "Closed", "text": text});
    admin.post(TEMPLATES, template.clone()).await.expect(201);
    let recipients: Vec<_> = (0..300).map(|number| address(&format!("slow{number}"))).collect();
    let body = json!({"template": template["name"], "recipients": recipients});
    let sending = tokio::spawn(async move {
        let began = Instant::now();
        admin.post(BULK, body).await.expect(201);
        began.elapsed()
    });
    let (mut longest, mut plus_s) = (Duration::ZERO, 0);
    while !sending.is_finished() {
        let began = Instant::now();
        plus_s -= 1;
        device.post("/api/telemetry/", app.reading(&code, plus_s)).await.expect(201);
        longest = longest.max(began.elapsed());
    }
    let whole = sending.await.expect("it is sent");
    let most = (whole / 2).max(Duration::from_secs(2));
    assert!(longest < most, "a reading waited {longest:?} while mails were made ready for {whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn every_circular_has_its_own_way_out() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let to = [address("one"), address("two")];
    let body = json!({"emails": to, "subject": "Closed", "message": "On Monday.", "html": "<p>On Monday.</p>"});
    let bulk = admin.post(BULK, body).await.expect(201);
    let expected = statuses(&[("sent", 2)]);
    eventually("both to be sent", Duration::from_secs(10), async || (standing(&admin, &bulk).await == expected).then_some(())).await;
    let mut links = Vec::new();
    for email in &to {
        let mails = taken(&receiver, email);
        assert_eq!((mails.len(), mails[0]["personalizations"].as_array().map(Vec::len)), (1, Some(1)), "nobody sees another's address");
        let link = unsubscribe::link(&mails[0]);
        assert!(mails[0]["content"][0]["value"].as_str().expect("a text").contains(&link));
        assert!(mails[0]["content"][1]["value"].as_str().expect("HTML").contains(link.rsplit('=').next().expect("a token")));
        links.push(link);
    }
    assert_ne!(links[0], links[1]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_thousand_are_sent_once_each_and_no_more_are_taken() {
    let receiver = Receiver::start().await;
    let Some(app) = with_mail(&receiver).await else { return };
    let admin = app.user("admin").await;
    let recipients = |count: usize| -> Vec<String> { (0..count).map(|number| format!("someone{number}@example.net")).collect() };
    let body = |count: usize| json!({"recipients": recipients(count), "subject": "Closed", "text": "On Monday."});
    admin.post(BULK, body(1_001)).await.expect_invalid(&["recipients"]);
    admin.post(BULK, body(0)).await.expect_invalid(&["recipients"]);
    admin.post(BULK, json!({"recipients": ["a@example.org"]})).await.expect_invalid(&["subject", "text"]);
    let keyed = admin.header("idempotency-key", &unique("bulk"));
    let bulk = keyed.post(BULK, body(1_000)).await.expect(201);
    assert_eq!(keyed.post(BULK, body(1_000)).await.expect(201), bulk, "the first answer again");
    assert_eq!(bulk["accepted"], 1_000);
    eventually("all to be sent", Duration::from_secs(60), async || {
        dispatch(&app).await;
        (receiver.requests_to("/v3/mail/send").len() >= 1_000).then_some(())
    })
    .await;
    let mut seen = std::collections::BTreeSet::new();
    for request in receiver.requests_to("/v3/mail/send") {
        let mail = request.json();
        assert!(seen.insert(mail["personalizations"][0]["to"][0]["email"].as_str().expect("an address").to_owned()), "twice: {mail}");
    }
    assert_eq!(seen.len(), 1_000);
    // Paged, each once.
    let path = format!("{MESSAGES}?limit=400&batch_id={}", bulk["batch_id"].as_str().expect("an id"));
    let (mut listed, mut next) = (std::collections::BTreeSet::new(), path.clone());
    loop {
        let page = admin.get(&next).await.expect(200);
        listed.extend(page["items"].as_array().expect("items").iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{path}&cursor={cursor}");
    }
    assert_eq!(listed.len(), 1_000);
}
