//! What administrators send of a camera.

use domain::camera::address::{self, CameraHost, Networks, Parsed, Use};
use http::Uri;
use kit::db;
use kit::input::{At, Code, Field, Input, Int, Patch, SchemaRef, Schemas, Secret, Slug, Text, Value};
use kit::problem::FieldErrors;
use kit::{Answer, Problem};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use crate::credentials::Credentials;
use crate::model::Stored;

macro_rules! address_field {
    ($($(#[$doc:meta])* $name:ident = $purpose:expr;)*) => {
        $($(#[$doc])*
        pub struct $name(Parsed);

        impl Field for $name {
            fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
                read_address(value, $purpose, at).map(Self)
            }

            fn schema(_: &mut Schemas) -> SchemaRef {
                address_schema().into()
            }
        }

        impl From<$name> for db::Value {
            fn from(address: $name) -> Self {
                address.0.url.into()
            }
        })*
    };
}

address_field! {
    /// The address of pictures, over HTTP.
    HttpAddress = Use::Http;
    /// The address of a stream, over RTSP.
    RtspAddress = Use::Rtsp;
}

fn read_address(value: &Value, purpose: Use, at: &mut At<'_>) -> Option<Parsed> {
    let parsed = value.as_str().ok_or("must be a text").and_then(|text| address::parse(text.trim(), purpose));
    // What the network's side of it cannot write down could never be called.
    let parsed = parsed.and_then(|parsed| match address::with_credentials(&parsed.url, "a", "a").parse::<Uri>() {
        Ok(_) => Ok(parsed),
        Err(_) => Err("must be an address, such as http://192.168.1.9:8080/video"),
    });
    parsed.map_err(|reason| at.refuse(reason)).ok()
}

fn address_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uri".to_owned()))).max_length(Some(address::MAX_LEN))
}

/// A new camera. Its addresses are those of hosts that the operator of this installation allowed (`camera_networks`); name and password may
/// stand in them, and are taken out.
#[derive(Input)]
#[input(read_only("status", "is_online", "last_seen", "access", "has_pictures", "created_at", "updated_at"))]
#[input(
    check,
    example = r#"{"name": "Front gate", "location": "Gate 1", "rtsp_url": "rtsp://192.168.1.100:554/stream1", "username": "admin", "password": "a camera's password"}"#
)]
pub struct NewCctvCamera {
    /// The camera's code, which is free so far; one is made when it is left out.
    #[input(alias("id"))]
    pub camera_id: Option<Code>,
    /// What it is called.
    pub name: Text<1, 100>,
    /// What it is for.
    pub description: Option<Text<0, 500>>,
    /// The slug of the site that it watches.
    pub site: Option<Slug>,
    /// Where it stands, in words; its name when that says it all.
    pub location: Option<Text<0, 200>>,
    /// Its main stream.
    #[input(alias("rtsp_url_main"))]
    pub rtsp_url: Option<RtspAddress>,
    /// Its small stream.
    pub rtsp_url_sub: Option<RtspAddress>,
    /// The host of its main stream, where `rtsp_url` is not sent.
    pub ip_address: Option<Text<1, 253>>,
    /// The port of its main stream, with `ip_address`; 554 unless it says otherwise.
    pub port: Option<Int<1, 65535>>,
    /// The path of its main stream, with `ip_address`.
    pub rtsp_path: Option<Text<0, 500>>,
    /// One picture.
    pub snapshot_url: Option<HttpAddress>,
    /// Live pictures, as MJPEG.
    pub mjpeg_url: Option<HttpAddress>,
    /// The name for all of its addresses; none when it is empty.
    pub username: Option<Secret<128>>,
    /// The password for all of its addresses.
    pub password: Option<Secret<256>>,
    /// True unless it says otherwise.
    pub is_active: Option<bool>,
    /// Whether operators and developers may look without a rule of their own; false unless it says otherwise.
    pub is_public: Option<bool>,
    /// How many days its recordings are kept; no limit when it is left out.
    pub retention_days: Option<Int<1, 3650>>,
    /// How many bytes of its recordings are kept; no limit when it is left out.
    pub retention_bytes: Option<Int<1, 1_000_000_000_000_000>>,
}

/// A change of a camera: what is not sent stays, null empties. An address that leads to another host needs name and password anew: they are not
/// shown to anybody, and so are not sent to where they have not been.
#[derive(Input)]
#[input(read_only("status", "is_online", "last_seen", "access", "has_pictures", "created_at", "updated_at"))]
#[input(
    example = r#"{"location": "Gate 2", "mjpeg_url": "http://192.168.1.100:8081/", "username": "admin", "password": "a camera's password"}"#
)]
pub struct CctvCameraChange {
    /// May be repeated, and cannot be changed.
    #[input(same_as_path = "id", alias("id"))]
    camera_id: Option<Code>,
    /// What it is called; null for its location.
    pub name: Patch<Text<1, 100>>,
    /// What it is for.
    pub description: Patch<Text<0, 500>>,
    /// The slug of the site that it watches; null for none.
    pub site: Patch<Slug>,
    /// Where it stands, in words.
    pub location: Option<Text<1, 200>>,
    /// Its main stream.
    #[input(alias("rtsp_url_main"))]
    pub rtsp_url: Patch<RtspAddress>,
    /// Its small stream.
    pub rtsp_url_sub: Patch<RtspAddress>,
    /// One picture.
    pub snapshot_url: Patch<HttpAddress>,
    /// Live pictures, as MJPEG.
    pub mjpeg_url: Patch<HttpAddress>,
    /// The name for all of its addresses; null takes name and password away.
    pub username: Patch<Secret<128>>,
    /// The password for all of its addresses.
    pub password: Patch<Secret<256>>,
    /// Whether it is in use.
    pub is_active: Option<bool>,
    /// Whether operators and developers may look without a rule of their own.
    pub is_public: Option<bool>,
    /// How many days its recordings are kept; null for no limit.
    pub retention_days: Patch<Int<1, 3650>>,
    /// How many bytes of its recordings are kept; null for no limit.
    pub retention_bytes: Patch<Int<1, 1_000_000_000_000_000>>,
}

impl NewCctvCamera {
    fn check(&self, at: &mut At<'_>) {
        let is_reserved = self.camera_id.as_deref().is_some_and(domain::camera::is_reserved_id);
        at.check_field(!is_reserved, "camera_id", "is a word of a path here");
        if self.rtsp_url.is_none() {
            at.inside("ip_address", |at| self.composed(at));
        }
    }

    /// The main stream's address, from its parts.
    fn composed(&self, at: &mut At<'_>) -> Option<RtspAddress> {
        let host = self.ip_address.as_deref()?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let path = self.rtsp_path.as_deref().unwrap_or_default();
        let url = format!("rtsp://{host}:{}/{}", self.port.map_or(554, |port| *port), path.trim_start_matches('/'));
        read_address(&Value::String(url), Use::Rtsp, at).map(RtspAddress)
    }

    /// Settles its addresses and credentials: the main stream is put together from its parts, and each host is one that is allowed. 422 names every
    /// address that is not good.
    pub fn settle(&mut self, networks: &Networks) -> Answer<Option<Credentials>> {
        if self.rtsp_url.is_none() {
            self.rtsp_url = self.composed(&mut At::top(&mut FieldErrors::new(), 0, false));
        }
        let addresses = [
            ("rtsp_url", self.rtsp_url.as_ref().map(|it| &it.0)),
            ("rtsp_url_sub", self.rtsp_url_sub.as_ref().map(|it| &it.0)),
            ("snapshot_url", self.snapshot_url.as_ref().map(|it| &it.0)),
            ("mjpeg_url", self.mjpeg_url.as_ref().map(|it| &it.0)),
        ];
        let explicit = credentials(self.username.as_deref(), self.password.as_deref());
        let mut errors = FieldErrors::new();
        refuse_strangers(&addresses, networks, &mut errors);
        let credentials = agreed(&addresses, explicit, &mut errors);
        if errors.is_empty() { Ok(credentials) } else { Err(Problem::invalid(errors)) }
    }
}

/// What a change does to credentials.
pub enum NewCredentials {
    /// They stay.
    Kept,
    /// These, or none.
    Replaced(Option<Credentials>),
}

impl CctvCameraChange {
    /// Settles its addresses and credentials, as [`NewCctvCamera::settle`]. `current` are those of the camera as it is; none, too, where what is kept
    /// cannot be opened any more.
    pub fn settle(&self, networks: &Networks, camera: &Stored, current: Option<Credentials>) -> Answer<NewCredentials> {
        let addresses = [
            ("rtsp_url", self.rtsp_url.as_ref().value().map(|it| &it.0)),
            ("rtsp_url_sub", self.rtsp_url_sub.as_ref().value().map(|it| &it.0)),
            ("snapshot_url", self.snapshot_url.as_ref().value().map(|it| &it.0)),
            ("mjpeg_url", self.mjpeg_url.as_ref().value().map(|it| &it.0)),
        ];
        let mut errors = FieldErrors::new();
        refuse_strangers(&addresses, networks, &mut errors);
        let explicit = match (&self.username, &self.password) {
            (Patch::Set(username), password) => {
                let password = password.as_ref().value().map(|it| &**it);
                let password = password.or_else(|| current.as_ref().filter(|it| it.username == **username).map(|it| it.password.as_str()));
                credentials(Some(username), password)
            }
            (Patch::Keep, Patch::Set(password)) => credentials(current.as_ref().map(|it| it.username.as_str()), Some(password)),
            _ => None,
        };
        let is_cleared = matches!(self.username, Patch::Clear) || matches!(&self.username, Patch::Set(name) if name.is_empty());
        let is_new = self.password.as_ref().value().is_some();
        let given = agreed(&addresses, explicit, &mut errors);
        let is_kept = given.is_none() && !is_cleared;
        let is_named = matches!(&self.username, Patch::Set(name) if !name.is_empty());
        if camera.has_credentials() && current.is_none() && !is_cleared && is_named != is_new {
            refuse(&mut errors, if is_named { "password" } else { "username" }, "is required: what was kept cannot be opened any more");
        }
        let has_own = addresses.iter().any(|(_, it)| it.is_some_and(|it| it.credentials.is_some()));
        if camera.has_credentials() && !is_cleared && !is_new && !has_own {
            refuse_other_hosts(&addresses, camera, &mut errors);
        }
        match errors.is_empty() {
            false => Err(Problem::invalid(errors)),
            true if is_kept => Ok(NewCredentials::Kept),
            true => Ok(NewCredentials::Replaced(given)),
        }
    }
}

type Addresses<'a> = [(&'static str, Option<&'a Parsed>); 4];

fn refuse(errors: &mut FieldErrors, field: &str, reason: &str) {
    errors.entry(field.to_owned()).or_default().push(reason.to_owned());
}

fn refuse_strangers(addresses: &Addresses<'_>, networks: &Networks, errors: &mut FieldErrors) {
    for (field, address) in addresses {
        if address.is_some_and(|address| !networks.allow(&address.host)) {
            refuse(errors, field, "leads to a host that is not in camera_networks");
        }
    }
}

/// What is kept goes to no host that has not had it; of a camera whose addresses were taken away, to none.
fn refuse_other_hosts(addresses: &Addresses<'_>, camera: &Stored, errors: &mut FieldErrors) {
    let known: Vec<CameraHost> = camera
        .addresses()
        .into_iter()
        .filter_map(|(_, purpose, url)| address::parse(url?, purpose).ok())
        .map(|address| address.host)
        .collect();
    for (field, address) in addresses {
        if address.is_some_and(|address| !known.contains(&address.host)) {
            refuse(errors, field, "leads to another host: send username and password again");
        }
    }
}

/// Name and password as they are sent; none when the name is empty.
fn credentials(username: Option<&str>, password: Option<&str>) -> Option<Credentials> {
    let username = username.filter(|name| !name.is_empty())?;
    Some(Credentials { username: username.to_owned(), password: password.unwrap_or_default().to_owned() })
}

/// The one pair that stands in the addresses and beside them.
fn agreed(addresses: &Addresses<'_>, explicit: Option<Credentials>, errors: &mut FieldErrors) -> Option<Credentials> {
    let mut agreed = explicit;
    for (field, address) in addresses {
        let Some((username, password)) = address.and_then(|address| address.credentials.clone()) else { continue };
        let own = Credentials { username, password };
        if agreed.as_ref().is_some_and(|agreed| *agreed != own) {
            refuse(errors, field, "holds another name or password than the other fields: a camera has one pair");
        }
        agreed.get_or_insert(own);
    }
    agreed
}
