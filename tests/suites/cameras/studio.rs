//! An application with a camera and the double of the media relay.

use std::time::Duration;

use gatehouse_tests::relay::Relay;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::support::{HERE, path};

/// The path of recordings.
pub const RECORDINGS: &str = "/v0/api/cctv/recordings";
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

pub struct Studio {
    pub app: App,
    pub relay: Relay,
    pub camera: String,
}

impl Studio {
    /// An application with a relay and one camera on a site in India.
    pub async fn at(moment: &str) -> Option<Self> {
        let relay = Relay::start().await;
        let origin = relay.origin();
        let variables = [
            HERE[0],
            HERE[1],
            ("relay_api_origin", origin.as_str()),
            ("relay_playback_origin", origin.as_str()),
            ("relay_hls_url", "https://gate.example.com/hls"),
            ("relay_rtsp_url", "rtsp://gate.example.com:8554/"),
        ];
        let app = App::embedded_at(moment, &variables).await?;
        relay.ask(app.base_url(), app.clock());
        let admin = app.admin().await;
        let place = app.place(0).await;
        let camera = unique("CAM");
        let body = json!({
            "camera_id": camera, "name": "Gate", "site": place.site, "rtsp_url": "rtsp://192.168.1.9/stream1", "rtsp_url_sub": "rtsp://192.168.1.9/stream2",
            "username": "keeper", "password": "a secret: of/the camera",
        });
        admin.post("/v0/api/cctv/cameras/", body).await.expect(201);
        Some(Self { app, relay, camera })
    }

    pub async fn start() -> Option<Self> {
        Self::at("2026-11-25T05:00:00Z").await
    }

    /// What the relay calls the main stream.
    pub fn stream(&self) -> String {
        format!("cam/{}/main", self.camera.to_lowercase())
    }

    pub fn advance(&self, by: Duration) {
        self.app.advance(by);
    }

    /// Sets the clock to a moment ahead (RFC 3339), however long it took to get here.
    pub fn advance_to(&self, moment: &str) {
        let ahead = chrono::DateTime::parse_from_rfc3339(moment).expect("a time").timestamp_millis() - self.app.now_ms();
        self.advance(Duration::from_millis(u64::try_from(ahead).expect("it is ahead")));
    }

    pub async fn tick(&self) -> Value {
        self.app.internal("/internal/tick/cameras").await.expect(200)
    }

    pub async fn admin(&self) -> Client {
        self.app.admin().await
    }

    pub async fn recordings(&self) -> Vec<Value> {
        let listed = self.admin().await.get(&format!("{RECORDINGS}/?camera={}", self.camera)).await.expect(200);
        listed["items"].as_array().unwrap().clone()
    }

    pub async fn schedule(&self, fields: Value) -> Value {
        let mut body =
            json!({ "camera": self.camera, "name": "Nights", "schedule_type": "daily", "start_time": "22:00", "end_time": "06:00" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.admin().await.post("/v0/api/cctv/schedules", body).await.expect(201)
    }

    /// What exists and what is missing since the start.
    pub async fn timeline(&self, since: &str) -> (usize, Vec<Option<String>>) {
        let to = self.app.time(0);
        let timeline = self.admin().await.get(&format!("{}/timeline/?from={since}&to={to}", path(&self.camera))).await.expect(200);
        let reasons = timeline["missing"].as_array().unwrap().iter().map(|gap| gap["reason"].as_str().map(str::to_owned)).collect();
        (timeline["recorded"].as_array().unwrap().len(), reasons)
    }
}
