//! A camera's stream at the media relay, for one viewer.

use domain::camera::Quality;
use kit::caller::Principal;
use kit::input::Timestamp;
use kit::{Answer, config};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Stored;
use crate::recorder::{is_recorded, source};
use crate::relay::{Relay, path_name};
use crate::relay_token::{RelayToken, relay_token};

/// A camera's stream at the media relay. The token is for this stream alone; it is to be used within a minute, holds for as long as it is, and ends
/// with the session. Who asks again in the same sign-in has the same one while it holds.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvRelayedStream)]
pub struct Relayed {
    /// A playlist (HLS); null where the relay offers none.
    hls: Option<String>,
    /// For WebRTC by WHEP; null where the relay offers none.
    webrtc: Option<String>,
    /// For RTSP; null where the relay offers none.
    rtsp: Option<String>,
    /// What the addresses show in their query, and what other clients send as a bearer token or a password.
    token: String,
    /// When the token is void unless it is used.
    expires_at: Timestamp,
}

impl Relayed {
    /// Of a camera's stream, which the relay is told to fetch when somebody looks.
    pub async fn new(camera: &Stored, quality: Quality, viewer: &Principal, address: &str, now: i64) -> Answer<Option<Self>> {
        let Some(relay) = Relay::configured().await? else { return Ok(None) };
        let name = path_name(&camera.camera_id, quality);
        // Of a camera without a small stream the relay makes one of the large one, when it is set up to.
        let fetched = if quality == Quality::Sub && camera.rtsp_url_sub.is_none() { Quality::Main } else { quality };
        let Ok(source) = source(camera, fetched).await? else { return Ok(None) };
        // One that is recorded is set already, and is not to be set otherwise.
        let is_set = is_recorded(&camera.camera_id, fetched)?;
        if !is_set && relay.set_path(&path_name(&camera.camera_id, fetched), &source, false).await.is_err() {
            return Ok(None);
        }
        let RelayToken { text: token, expires_at } = relay_token(camera, viewer, quality, address, now).await?;
        let address = async |variable: &'static str, suffix: &str| -> Answer<Option<String>> {
            let base = config::get(variable).await?;
            let base = base.trim().trim_end_matches('/');
            Ok((!base.is_empty()).then(|| format!("{base}/{name}{suffix}?token={token}")))
        };
        let (hls, webrtc) = (address("relay_hls_url", "/index.m3u8").await?, address("relay_webrtc_url", "/whep").await?);
        let rtsp = address("relay_rtsp_url", "").await?;
        Ok(Some(Self { hls, webrtc, rtsp, token, expires_at: Timestamp(expires_at) }))
    }
}
