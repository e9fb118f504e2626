//! What the tests of cameras with pictures share.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Cameras on this machine, as the tests' are: by the variable and by the manifest.
pub const HERE: [(&str, &str); 2] = [("camera_networks", "127.0.0.1, 192.168.1.0/24"), ("camera_origin", "http://127.0.0.0/8:*")];

pub const CAMERAS: &str = "/v0/api/cctv/cameras";

/// The path of a camera.
pub fn path(id: &str) -> String {
    format!("{CAMERAS}/{id}")
}

/// A new camera with these fields; its id.
pub async fn register(admin: &Client, fields: Value) -> String {
    let mut body = json!({ "camera_id": unique("CAM"), "name": "Front gate" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = admin.post(&format!("{CAMERAS}/register/"), body).await.expect(201);
    made["camera"]["id"].as_str().expect("an id").to_owned()
}

/// A new user of this role, signed in, with their id and what the sign-in answered.
pub async fn user(app: &App, role: &str) -> (Client, String, Value) {
    let (email, password) = app.new_user(role, json!({})).await;
    let session = app.anonymous().post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
    let id = session["user"]["id"].as_str().expect("an id").to_owned();
    (app.with_token(session["access"].as_str().expect("a token")), id, session)
}

/// A new access rule; its id.
pub async fn allow(admin: &Client, camera: &str, user: &str, fields: Value) -> String {
    let mut body = json!({ "camera_id": camera, "user_id": user, "level": "view" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    admin.post("/v0/api/cctv/camera-access/", body).await.expect(201)["id"].as_str().expect("an id").to_owned()
}

/// Live pictures.
pub struct Live {
    pub bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
}

impl Live {
    /// Opens them.
    pub async fn open(caller: &Client, path: &str) -> Self {
        let answer = caller.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("multipart/x-mixed-replace; boundary="), "{kind}");
        Self { bytes: answer.bytes_stream().boxed() }
    }

    /// Reads until there were so many pictures, each of which begins as a JPEG does.
    pub async fn pictures(&mut self, count: usize) -> Vec<u8> {
        let mut read = Vec::new();
        let reading = async {
            let (mut seen, mut found) = (0, 0);
            while found < count {
                read.extend_from_slice(&self.bytes.next().await.expect("the stream goes on").expect("bytes"));
                // What was looked at is not looked at again.
                found += read[seen..].windows(3).filter(|bytes| *bytes == [0xff, 0xd8, 0xff]).count();
                seen = read.len().saturating_sub(2);
            }
        };
        tokio::time::timeout(Duration::from_secs(15), reading).await.expect("the pictures come");
        read
    }

    /// Whether it ends within this time, whatever comes before.
    pub async fn ends(&mut self, within: Duration) -> bool {
        let end = async { while self.bytes.next().await.is_some_and(|piece| piece.is_ok()) {} };
        tokio::time::timeout(within, end).await.is_ok()
    }
}

/// The address with a ticket, as JSON tells it.
pub async fn ticketed(caller: &Client, id: &str) -> String {
    let answer = caller.header("accept", "application/json").get(&format!("{}/stream/", path(id))).await.expect(200);
    answer["mjpeg"]["url"].as_str().expect("an address").to_owned()
}
