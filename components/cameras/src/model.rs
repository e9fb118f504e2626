//! A camera as it is stored, and as it is shown.

use const_format::concatcp;
use domain::booking_slot::Zone;
use domain::camera::Level;
use domain::camera::address::{self, Use};
use domain::camera::hours::Hours;
use domain::camera::presence::Presence;
use kit::caller::Principal;
use kit::db::{Executor, Fetch as _};
use kit::input::Timestamp;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::{Credentials, Keys, Sealed};

/// A camera with what the caller may know of it.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvCamera)]
pub struct View {
    /// The camera's code.
    id: String,
    /// The same, as the simple list calls it.
    camera_id: String,
    /// What it is called.
    name: String,
    /// What it is for; null when nobody has said.
    description: Option<String>,
    /// The slug of the site that it watches; null when it has none.
    site: Option<String>,
    /// Where it stands, in words.
    location: String,
    /// Whether it is in use.
    is_active: bool,
    /// Whether operators and developers may look without a rule of their own.
    is_public: bool,
    /// `active`, or `inactive` when it is not in use.
    status: &'static str,
    /// Whether it has pictures over HTTP; null when it was not tried yet, or has no such address.
    is_online: Option<bool>,
    /// When there last was a picture; null before there was one.
    last_seen: Option<Timestamp>,
    /// What the caller may do with it.
    access: Level,
    /// Whether there are pictures over HTTP: live ones, or snapshots.
    has_pictures: bool,
    /// How many days its recordings are kept; null for no limit.
    retention_days: Option<i64>,
    /// How many bytes of its recordings are kept; null for no limit.
    retention_bytes: Option<i64>,
    /// Where the camera is reached; null for who may not administer it.
    addresses: Option<Addresses>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Where a camera is reached. Credentials stand in none of it: `{username}`, `{password}` and `{basic}` (both, in base64) in a path or query stand for
/// those that are kept.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvCameraAddresses)]
pub struct Addresses {
    /// The host of its main stream; null when it has none.
    ip_address: Option<String>,
    /// The port of its main stream; null when it has none.
    port: Option<u16>,
    /// Its main stream, RTSP; null when it has none.
    rtsp_url: Option<String>,
    /// Its small stream, RTSP; null when it has none.
    rtsp_url_sub: Option<String>,
    /// One picture, over HTTP; null when it has none.
    snapshot_url: Option<String>,
    /// Live pictures, over HTTP as MJPEG; null when it has none.
    mjpeg_url: Option<String>,
    /// Whether a name and a password are kept for it.
    has_credentials: bool,
}

/// A camera as it is stored, with the caller's own access rule.
#[derive(FromRow)]
pub struct Stored {
    /// The camera's code, as it was made.
    pub camera_id: String,
    /// What it is called.
    pub name: String,
    description: Option<String>,
    site: Option<String>,
    time_zone: Option<String>,
    location: String,
    /// Whether it is in use.
    pub is_active: bool,
    is_public: bool,
    /// Its main stream.
    pub rtsp_url: Option<String>,
    /// Its small stream.
    pub rtsp_url_sub: Option<String>,
    /// One picture.
    pub snapshot_url: Option<String>,
    /// Live pictures.
    pub mjpeg_url: Option<String>,
    retention_days: Option<i64>,
    retention_bytes: Option<i64>,
    credentials: Option<Vec<u8>>,
    credentials_key: Option<String>,
    presence: Option<Presence>,
    seen_at: Option<Timestamp>,
    rule_level: Option<Level>,
    rule_days: Option<i64>,
    rule_from: Option<i64>,
    rule_until: Option<i64>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The caller's id is `?1`.
pub const SELECT: &str =
    "select c.camera_id, coalesce(c.name, c.location) as name, c.description, c.site, s.time_zone, c.location, c.is_active,
        c.is_public, c.rtsp_url, c.rtsp_url_sub, c.snapshot_url, c.mjpeg_url, c.retention_days, c.retention_bytes, c.credentials, c.credentials_key,
        p.presence, p.seen_at, a.level as rule_level, a.days as rule_days, a.from_minute as rule_from, a.until_minute as rule_until, c.created_at, c.updated_at
     from cameras c left join sites s on s.slug = c.site left join camera_presence p on p.camera_id = c.camera_id
         left join camera_access a on a.camera_id = c.camera_id and a.user_id = ?1 and a.is_active = 1";

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("camera")
}

impl Stored {
    /// The camera of this id, for whoever may do with it what is asked of them; see [`crate::permission`].
    pub fn find(db: &dyn Executor, id: &str, caller: &Principal) -> Answer<Option<Self>> {
        db.fetch_optional(concatcp!(SELECT, " where c.camera_id = ?2"), params![&caller.id, id])
    }

    /// The level of the caller's own rule, and when it holds.
    pub fn rule(&self) -> Option<(Level, Hours)> {
        let minute = |value: Option<i64>| value.and_then(|value| u16::try_from(value).ok());
        let hours = Hours { days: self.rule_days?, from: minute(self.rule_from)?, until: minute(self.rule_until)? };
        Some((self.rule_level?, hours))
    }

    /// Whether operators and developers may look.
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    /// The zone of its site; UTC without one.
    pub fn zone(&self) -> Option<Zone> {
        Zone::parse(self.time_zone.as_deref().unwrap_or("UTC"))
    }

    /// Whether a name and a password are kept for it.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Its credentials, opened.
    pub fn credentials(&self, keys: &Keys) -> Answer<Option<Credentials>> {
        let Some((bytes, key)) = self.credentials.as_ref().zip(self.credentials_key.as_ref()) else { return Ok(None) };
        keys.open(&self.camera_id, &Sealed { bytes: bytes.clone(), key: key.clone() }).map(Some)
    }

    /// Its addresses, each with its name and use.
    pub fn addresses(&self) -> [(&'static str, Use, Option<&str>); 4] {
        [
            ("rtsp_url", Use::Rtsp, self.rtsp_url.as_deref()),
            ("rtsp_url_sub", Use::Rtsp, self.rtsp_url_sub.as_deref()),
            ("snapshot_url", Use::Http, self.snapshot_url.as_deref()),
            ("mjpeg_url", Use::Http, self.mjpeg_url.as_deref()),
        ]
    }

    /// As it is shown to who may do so much with it.
    pub fn view(self, access: Level) -> View {
        let main = self.rtsp_url.as_deref().and_then(|url| address::parse(url, Use::Rtsp).ok());
        let has_credentials = self.has_credentials();
        let shown = |url: Option<&str>| url.map(address::shown);
        let has_pictures = self.mjpeg_url.is_some() || self.snapshot_url.is_some();
        let addresses = (access == Level::Admin).then_some(Addresses {
            ip_address: main.as_ref().map(|main| main.host.to_string()),
            port: main.map(|main| main.port),
            rtsp_url: shown(self.rtsp_url.as_deref()),
            rtsp_url_sub: shown(self.rtsp_url_sub.as_deref()),
            snapshot_url: shown(self.snapshot_url.as_deref()),
            mjpeg_url: shown(self.mjpeg_url.as_deref()),
            has_credentials,
        });
        View {
            id: self.camera_id.clone(),
            camera_id: self.camera_id,
            name: self.name,
            description: self.description,
            site: self.site,
            location: self.location,
            is_active: self.is_active,
            is_public: self.is_public,
            status: if self.is_active { "active" } else { "inactive" },
            is_online: match self.presence {
                Some(Presence::Online) => Some(true),
                Some(Presence::Offline) => Some(false),
                Some(Presence::Unknown) | None => None,
            },
            last_seen: self.seen_at,
            access,
            has_pictures,
            retention_days: self.retention_days,
            retention_bytes: self.retention_bytes,
            addresses,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
