//! Who calls the application: nobody known, people of every role, devices, and whoever has the secret of its scheduled runs.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{App, Client, Response, unique};

impl App {
    /// A caller without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.base.clone(), None)
    }

    /// A caller with this bearer token or device key.
    pub fn with_token(&self, token: &str) -> Client {
        Client::new(self.http.clone(), self.base.clone(), Some(token.to_owned()))
    }

    /// Signs in.
    pub async fn login(&self, email: &str, password: &str) -> Client {
        let answer = post_in_turn(&self.anonymous(), "/api/auth/login", &json!({"email": email, "password": password})).await;
        let access = answer.expect(200)["access"].as_str().expect("an access token").to_owned();
        self.with_token(&access)
    }

    /// The bootstrap administrator (`super_admin`), signed in.
    pub async fn admin(&self) -> Client {
        self.login(&self.admin.0, &self.admin.1).await
    }

    /// A new user of this role, signed in. For `device`, use [`App::device`].
    pub async fn user(&self, role: &str) -> Client {
        let (email, password) = self.new_user(role, json!({})).await;
        self.login(&email, &password).await
    }

    /// Makes a user of this role, with further fields (`device_code`, say); their e-mail and password.
    pub async fn new_user(&self, role: &str, further: Value) -> (String, String) {
        let email = format!("{}@example.com", unique(role));
        let password = "a quiet gate at dawn 7".to_owned();
        let mut body = json!({"email": email, "password": password, "name": "Somebody", "role": role});
        let (Value::Object(body_fields), Value::Object(further)) = (&mut body, further) else { panic!("further fields are an object") };
        body_fields.extend(further);
        post_in_turn(&self.admin().await, "/v0/api/users/users/", &body).await.expect(201);
        (email, password)
    }

    /// An operator, signed in.
    pub async fn operator(&self) -> Client {
        self.user("operator").await
    }

    /// A visitor, signed in.
    pub async fn visitor(&self) -> Client {
        self.user("visitor").await
    }

    /// One scheduled run, over HTTP; what it says it did.
    pub async fn tick(&self) -> Value {
        let answer = self.internal("/internal/tick").await;
        answer.expect(200)
    }

    /// A POST to a path under `/internal/` with the secret.
    pub async fn internal(&self, path: &str) -> Response {
        self.anonymous().header("x-tick-secret", &self.tick_secret).send(Method::POST, path, None).await
    }
}

/// A request for which a password is hashed: hundreds at once are told to come back, as their turn does not come in time. So are, by the limit of
/// their one address, those of all suites that run against one application.
async fn post_in_turn(client: &Client, path: &str, body: &Value) -> Response {
    for _ in 0..300 {
        let answer = client.post(path, body.clone()).await;
        if answer.status != 503 && !(cfg!(remote) && answer.status == 429) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    client.post(path, body.clone()).await
}
