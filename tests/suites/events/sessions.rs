//! Whatever ends a session ends all that it opened: its access tokens and stream tickets at once, its streams with their next comment.

use std::time::Duration;

use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

use super::feed::Feed;
use super::tickets::{new_ticket, text};

/// What ends a session.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Logout,
    NewPassword,
    Deactivation,
    ReusedRefreshToken,
}

const CAUSES: [Cause; 4] = [Cause::Logout, Cause::NewPassword, Cause::Deactivation, Cause::ReusedRefreshToken];

/// A session with all that it opened.
struct Session {
    cause: Cause,
    password: String,
    answer: Value,
    caller: Client,
    ticket: String,
    stream: Feed,
    stream_of_ticket: Feed,
}

impl Session {
    async fn open(app: &App, cause: Cause) -> Self {
        let (email, password) = app.new_user("operator", json!({})).await;
        let answer = app.anonymous().post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
        let caller = app.with_token(text(&answer, "access"));
        let ticket = new_ticket(&caller).await;
        let stream = Feed::open(&caller, "?channels=crowd").await;
        let used = new_ticket(&caller).await;
        let stream_of_ticket = Feed::open(&app.anonymous(), &format!("?channels=crowd&ticket={used}")).await;
        Self { cause, password, answer, caller, ticket, stream, stream_of_ticket }
    }

    async fn end(&self, app: &App) {
        let anonymous = app.anonymous();
        let refresh = json!({ "refresh": self.answer["refresh"] });
        match self.cause {
            Cause::Logout => drop(anonymous.post("/api/auth/logout", refresh).await.expect(204)),
            Cause::NewPassword => {
                let change = json!({ "current_password": self.password, "password": "another fine evening" });
                self.caller.patch("/api/users/me", change).await.expect(200);
            }
            Cause::Deactivation => {
                let user = format!("/v0/api/users/users/{}/", text(&self.answer["user"], "id"));
                app.admin().await.delete(&user).await.expect(204);
            }
            Cause::ReusedRefreshToken => {
                anonymous.post("/api/auth/refresh", refresh.clone()).await.expect(200);
                app.advance(Duration::from_secs(11));
                anonymous.post("/api/auth/refresh", refresh).await.expect_problem(401);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn each_cause_ends_access_tokens_tickets_and_streams() {
    let Some(app) = App::embedded(&[]).await else { return };
    let mut bystander = Session::open(&app, Cause::Logout).await;
    let mut sessions = futures::future::join_all(CAUSES.map(|cause| Session::open(&app, cause))).await;
    for session in &sessions {
        session.end(&app).await;
        let cause = session.cause;
        // Routes of several components, each with caches of its own.
        for path in ["/api/users/me", "/api/dashboard/overview/", "/api/alerts/", "/api/events"] {
            assert_eq!(session.caller.get(path).await.status, 401, "{cause:?}: {path}");
        }
        assert_eq!(app.anonymous().get(&format!("/api/events?ticket={}", session.ticket)).await.status, 401, "{cause:?}: its ticket");
        assert_eq!(session.caller.post("/api/events/ticket", json!({})).await.status, 401, "{cause:?}: a new ticket");
    }
    let ends = sessions.iter_mut().map(|session| async move {
        let within = Duration::from_secs(40);
        let (stream, of_ticket) = tokio::join!(session.stream.ends(within), session.stream_of_ticket.ends(within));
        (session.cause, stream, of_ticket)
    });
    for (cause, stream, of_ticket) in futures::future::join_all(ends).await {
        assert!(stream && of_ticket, "{cause:?}: stream {stream}, of a ticket {of_ticket}");
    }
    bystander.caller.get("/api/users/me").await.expect(200);
    for stream in [&mut bystander.stream, &mut bystander.stream_of_ticket] {
        assert!(!stream.ends(Duration::from_millis(200)).await);
    }
}
