//! What a request says of its client: its page's origin, its token, what it wants.

use http::header::{AUTHORIZATION, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Uri};
use url::Url;

use crate::room::{Channel, Room};

/// The subprotocol after which a token comes: browsers can set no header of a WebSocket, but its subprotocols.
pub const BEARER: &str = "bearer";

/// Whether a page may call: one of this host, or of an allowed origin. Who is no browser sends no origin.
pub fn is_origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|it| it == origin) {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let same = |host: &str| {
        let origin = Url::parse(origin).ok()?;
        let own = Url::parse(&format!("{}://{host}", origin.scheme())).ok()?;
        Some(matches!(origin.scheme(), "http" | "https") && origin.host() == own.host() && origin.port() == own.port())
    };
    host.and_then(same).unwrap_or(false)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The token among the subprotocols that are offered, after [`BEARER`].
pub fn offered_token(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = values.flat_map(|value| value.split(',')).map(str::trim);
    offered.find(|protocol| *protocol == BEARER)?;
    offered.next().map(str::to_owned)
}

/// What a client says in its query and headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Its token.
    pub token: Option<String>,
    /// The id of the last event that it has.
    pub last_event_id: Option<i64>,
    /// Channels, apart by commas.
    pub channels: Option<String>,
    /// A site.
    pub site: Option<String>,
    /// A zone.
    pub zone: Option<String>,
}

impl Wishes {
    /// Reads them. A query says otherwise what headers say, for clients that can set none.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Result<Self, &'static str> {
        let mut wishes = Self::default();
        let mut last_event_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match &*name {
                "token" => wishes.token = value,
                "last_event_id" => last_event_id = last_event_id.or(value),
                "channels" => wishes.channels = value,
                "site" | "temple_id" => wishes.site = value,
                "zone" => wishes.zone = value,
                _ => {}
            }
        }
        wishes.token = bearer(headers).or_else(|| offered_token(headers)).or(wishes.token);
        wishes.last_event_id = last_event_id.as_deref().map(event_id).transpose()?;
        Ok(wishes)
    }

    /// Whether it says nothing of what it wants.
    pub fn is_plain(&self) -> bool {
        self.channels.is_none() && self.last_event_id.is_none()
    }

    /// The rooms that it asks for; by default, all alerts.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn rooms(&self) -> Result<Vec<Room>, &'static str> {
        let (site, zone) = (self.site.as_deref(), self.zone.as_deref());
        let channels = self.channels.as_deref().unwrap_or(Channel::Alerts.into());
        channels.split(',').filter(|it| !it.trim().is_empty()).map(|channel| Room::parse(channel, site, zone)).collect()
    }
}

/// The id of an event.
///
/// # Errors
/// If it is none.
pub fn event_id(text: &str) -> Result<i64, &'static str> {
    text.trim().parse().ok().filter(|id| *id >= 0).ok_or("last_event_id must be the id of an event")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn pages_of_this_host_and_of_allowed_origins_may_call() {
        let allowed = ["https://app.example.com".to_owned()];
        let may = |origin: &str, host: &str| is_origin_allowed(&headers(&[("origin", origin), ("host", host)]), &allowed);
        assert!(may("https://app.example.com", "gatehouse.example"));
        assert!(may("https://gatehouse.example", "gatehouse.example") && may("https://Gatehouse.example", "gatehouse.example:443"));
        assert!(may("http://localhost:3000", "localhost:3000") && may("http://[::1]:3000", "[::1]:3000"));
        for (origin, host) in [
            ("https://evil.example", "gatehouse.example"),
            ("https://gatehouse.example:8443", "gatehouse.example"),
            ("https://gatehouse.example.evil", "gatehouse.example"),
            ("https://app.example.com.evil", "gatehouse.example"),
            ("null", "gatehouse.example"),
            ("null", "null"),
            ("file://gatehouse.example", "gatehouse.example"),
            ("", "gatehouse.example"),
        ] {
            assert!(!may(origin, host), "{origin}");
        }
        assert!(is_origin_allowed(&headers(&[("host", "gatehouse.example")]), &[]), "no browser");
    }

    #[test]
    fn a_token_comes_by_header_subprotocol_or_query() {
        let read = |query: &str, all: &[(&'static str, &str)]| {
            Wishes::read(&format!("/ws/alerts/?{query}").parse().unwrap(), &headers(all)).map(|wishes| wishes.token)
        };
        let token = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read("token=a.b", &[]), token("a.b"));
        assert_eq!(read("token=a.b", &[("sec-websocket-protocol", "bearer, c.d-_")]), token("c.d-_"));
        assert_eq!(read("token=a.b", &[("authorization", "Bearer e.f"), ("sec-websocket-protocol", "bearer,c.d")]), token("e.f"));
        assert_eq!(read("", &[("sec-websocket-protocol", "chat")]), Ok(None));
        assert_eq!(read("token=", &[("authorization", "Basic x")]), Ok(None));
        assert!(read("last_event_id=x", &[]).is_err() && read("last_event_id=-1", &[]).is_err());
    }

    #[test]
    fn who_says_nothing_gets_all_alerts() {
        let read = |query: &str| Wishes::read(&format!("/ws/alerts/?{query}").parse().unwrap(), &HeaderMap::new()).unwrap();
        let plain = read("site=Somnath");
        assert!(plain.is_plain());
        assert_eq!(plain.rooms().unwrap(), [Room { channel: Channel::Alerts, site: Some("somnath".to_owned()), zone: None }]);
        let wishes = read("channels=crowd,%20transport&last_event_id=7");
        assert!(!wishes.is_plain() && wishes.last_event_id == Some(7));
        assert_eq!(wishes.rooms().unwrap().len(), 2);
        assert!(read("channels=news").rooms().is_err());
    }
}
