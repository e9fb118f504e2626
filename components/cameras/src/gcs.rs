//! Google Cloud Storage, as far as it is used: a service account's token, and resumable uploads of the JSON API
//! (cloud.google.com/storage/docs/performing-resumable-uploads).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use domain::time::MINUTE_MS;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, Method, Request, StatusCode};
use jwt_simple::algorithms::{RS256KeyPair, RSAKeyPairLike as _};
use jwt_simple::claims::Claims;
use kit::http::{Bounds, Reply, send};
use kit::{Answer, Problem, config};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Every piece but the last is a multiple of this, bytes.
pub const GRAIN: u64 = 256 * 1024;

const BOUNDS: Bounds = Bounds { time_ms: 20_000, answer_bytes: 256 * 1024 };

const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// A bucket. No `Debug`: it holds a private key.
pub struct Bucket {
    origin: String,
    token_origin: String,
    name: String,
    account: Option<ServiceAccount>,
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Scoped {
    scope: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: i64,
}

/// Why something has not been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be done later.
    Away(String),
    /// It will not be done.
    Refused(String),
    /// The session is not there any more.
    Gone,
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has so many bytes for certain.
    Has(u64),
    /// The object is there.
    Done(Object),
}

/// An object, as the bucket has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Object {
    /// Its size in bytes, as a text.
    #[serde(default)]
    pub size: String,
    /// CRC32C, big-endian, base64.
    #[serde(default)]
    pub crc32c: String,
}

/// The token that this instance has, and when it is over.
static TOKEN: Mutex<Option<(String, i64)>> = Mutex::new(None);

impl Bucket {
    /// From the variables; none when no bucket is set.
    pub async fn configured() -> Answer<Option<Self>> {
        let name = config::get("gcs_bucket").await?.trim().to_owned();
        if name.is_empty() {
            return Ok(None);
        }
        let origin = |text: String| text.trim().trim_end_matches('/').to_owned();
        let account = config::get("gcs_service_account").await?;
        let account = match account.trim() {
            "" => None,
            text => Some(
                serde_json::from_str(text).map_err(|_| Problem::internal("gcs_service_account is not the JSON of a service account"))?,
            ),
        };
        let (own, token_origin) = (origin(config::get("gcs_origin").await?), origin(config::get("gcs_token_origin").await?));
        Ok(Some(Self { origin: own, token_origin, name, account }))
    }

    /// Begins a resumable upload; its session.
    pub async fn begin(&self, object: &str, now: i64) -> Result<String, Failure> {
        let body = json!({ "name": object, "contentType": "video/mp4" }).to_string();
        let uri = format!("{}/upload/storage/v1/b/{}/o?uploadType=resumable&name={}", self.origin, self.name, object.replace('/', "%2F"));
        let request = self.authorized(Request::post(uri).header(CONTENT_TYPE, "application/json"), now).await?;
        let reply = exchange(request.body(Bytes::from(body)))?;
        let reply = sent(send(reply, BOUNDS).await)?;
        if !reply.status.is_success() {
            return Err(refusal(&reply));
        }
        let session = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // What it is told to send to is the place that was set up, and no other.
        match session.strip_prefix(&self.origin) {
            Some(rest) if rest.starts_with('/') => Ok(session.to_owned()),
            _ => Err(Failure::Refused("the bucket's session is not at gcs_origin".to_owned())),
        }
    }

    /// Asks a session where it stands.
    pub async fn stands(&self, session: &str, now: i64) -> Result<Progress, Failure> {
        self.put(session, "bytes */*".to_owned(), Bytes::new(), now).await
    }

    /// Sends a piece that begins at `start`; `total` is the size of the whole when this is its end.
    pub async fn piece(&self, session: &str, start: u64, piece: Bytes, total: Option<u64>, now: i64) -> Result<Progress, Failure> {
        let total = total.map_or("*".to_owned(), |total| total.to_string());
        let range = match (piece.len() as u64).checked_sub(1) {
            Some(last) => format!("bytes {start}-{}/{total}", start + last),
            None => format!("bytes */{total}"),
        };
        self.put(session, range, piece, now).await
    }

    async fn put(&self, session: &str, range: String, body: Bytes, now: i64) -> Result<Progress, Failure> {
        let request = Request::builder().method(Method::PUT).uri(session).header(CONTENT_RANGE, range).header(CONTENT_LENGTH, body.len());
        let request = self.authorized(request, now).await?;
        let reply = sent(send(exchange(request.body(body))?, BOUNDS).await)?;
        match reply.status {
            StatusCode::OK | StatusCode::CREATED => {
                let object =
                    serde_json::from_slice(&reply.body).map_err(|_| Failure::Away("the bucket's answer cannot be read".to_owned()))?;
                Ok(Progress::Done(object))
            }
            StatusCode::PERMANENT_REDIRECT => Ok(Progress::Has(persisted(&reply.headers))),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Failure::Gone),
            _ => Err(refusal(&reply)),
        }
    }

    async fn authorized(&self, request: http::request::Builder, now: i64) -> Result<http::request::Builder, Failure> {
        Ok(match &self.account {
            Some(account) => request.header(AUTHORIZATION, format!("Bearer {}", self.token(account, now).await?)),
            None => request,
        })
    }

    /// A token of the service account (RFC 7523 §2.1), kept until a minute before its end.
    async fn token(&self, account: &ServiceAccount, now: i64) -> Result<String, Failure> {
        let kept = TOKEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, _)) = kept.filter(|(_, until)| now < *until && *until < now + 120 * MINUTE_MS) {
            return Ok(token);
        }
        let bad = |what: &str| Failure::Refused(format!("gcs_service_account: {what}"));
        let mut key = RS256KeyPair::from_pem(&account.private_key).map_err(|_| bad("its private key cannot be read"))?;
        if let Some(id) = &account.private_key_id {
            key = key.with_key_id(id);
        }
        let audience = format!("{}/token", self.token_origin);
        let scoped = Scoped { scope: SCOPE.to_owned() };
        let claims = Claims::with_custom_claims(scoped, jwt_simple::prelude::Duration::from_hours(1));
        let claims = claims.with_issuer(&account.client_email).with_audience(&audience);
        let assertion = key.sign(claims).map_err(|_| bad("its private key cannot sign"))?;
        let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        let request = Request::post(audience).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Bytes::from(body));
        let reply = sent(send(exchange(request)?, BOUNDS).await)?;
        if !reply.status.is_success() {
            return Err(refusal(&reply));
        }
        let Token { access_token, expires_in } =
            serde_json::from_slice(&reply.body).map_err(|_| Failure::Away("the token's answer cannot be read".to_owned()))?;
        let until = now + expires_in.clamp(0, 7200) * 1000 - MINUTE_MS;
        *TOKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some((access_token.clone(), until));
        Ok(access_token)
    }

    /// Forgets the token, which was refused.
    pub fn forget_token() {
        *TOKEN.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn exchange(request: http::Result<Request<Bytes>>) -> Result<Request<Bytes>, Failure> {
    request.map_err(|_| Failure::Refused("the request cannot be written".to_owned()))
}

fn sent(reply: Result<Reply, kit::http::SendError>) -> Result<Reply, Failure> {
    reply.map_err(|error| Failure::Away(error.to_string()))
}

/// What is told of an answer that is no success. Nothing of its body, which may repeat what was sent.
fn refusal(reply: &Reply) -> Failure {
    let text = format!("the bucket answered {}", reply.status.as_u16());
    match reply.status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Away(text),
        StatusCode::UNAUTHORIZED => {
            Bucket::forget_token();
            Failure::Away(text)
        }
        status if status.is_server_error() => Failure::Away(text),
        _ => Failure::Refused(text),
    }
}

/// How many bytes a session has for certain: up to the end of its `Range`, and whole grains of them. Bytes that are sent again are left out there.
fn persisted(headers: &HeaderMap) -> u64 {
    let last =
        headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(|text| text.rsplit_once('-')?.1.trim().parse::<u64>().ok());
    last.map_or(0, |last| (last + 1) / GRAIN * GRAIN)
}

/// A CRC32C as the bucket writes it.
pub fn checksum(crc: u32) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(crc.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_what_its_range_says_in_whole_grains() {
        let of =
            |text: Option<&'static str>| persisted(&text.map(|text| (RANGE, http::HeaderValue::from_static(text))).into_iter().collect());
        assert_eq!(of(None), 0);
        assert_eq!(of(Some("bytes=0-262143")), GRAIN);
        assert_eq!(of(Some("bytes=0-524287")), 2 * GRAIN);
        assert_eq!(of(Some("bytes=0-0")), 0);
        assert_eq!(of(Some("bytes=0-300000")), GRAIN);
        assert_eq!(of(Some("nonsense")), 0);
    }

    #[test]
    fn a_checksum_is_written_as_the_bucket_does() {
        // RFC 3720 §B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(0x8a91_36aa), "ipE2qg==");
    }
}
