//! Calling a camera over HTTP: only where the operator has allowed it, with Basic or Digest authentication (RFC 7617, RFC 7616), and never on to
//! where it points.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use digest_auth::AuthContext;
use domain::camera::Failure;
use domain::camera::address::{self, Use};
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use kit::http::{Opened, SendError, open};

use crate::credentials::Credentials;
use crate::settings;

/// How long a camera has to begin its answer, milliseconds; twice that when it asks for a password first.
pub const HEAD_MS: u64 = 5_000;

/// Opens a GET of a camera's address. The answer is one of success; its body is for the caller to read.
pub async fn get(url: &str, credentials: Option<&Credentials>) -> Result<Opened, Failure> {
    let networks = settings::networks().await.map_err(|_| Failure::NotAllowed)?;
    let parsed = address::parse(url, Use::Http).map_err(|_| Failure::NotAllowed)?;
    if !networks.allow(&parsed.host) {
        return Err(Failure::NotAllowed);
    }
    let target = match credentials {
        Some(Credentials { username, password }) => address::with_credentials(url, username, password),
        None => url.to_owned(),
    };
    let target: Uri = target.parse().map_err(|_| Failure::Answered)?;
    // A password goes out only when it is asked for, and by Digest where the camera knows that.
    let opened = send(&target, None).await?;
    let opened = match credentials.and_then(|credentials| authorization(&opened, credentials, &target)) {
        Some(answer) => {
            drop(opened);
            send(&target, Some(answer)).await?
        }
        None => opened,
    };
    match opened.status {
        status if status.is_success() => Ok(opened),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::Unauthorised),
        status if status.is_redirection() => Err(Failure::Redirected),
        _ => Err(Failure::Answered),
    }
}

async fn send(target: &Uri, authorization: Option<HeaderValue>) -> Result<Opened, Failure> {
    let mut request = Request::get(target).header(USER_AGENT, "gatehouse").header(ACCEPT, "*/*");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let request = request.body(Bytes::new()).map_err(|_| Failure::Answered)?;
    open(request, HEAD_MS).await.map_err(|error| failure(&error))
}

/// What of an exchange's errors is told.
pub fn failure(error: &SendError) -> Failure {
    match error {
        SendError::Denied => Failure::NotAllowed,
        SendError::Unreachable(_) => Failure::WrongHost,
        SendError::TimedOut(_) | SendError::Stalled(_) => Failure::Slow,
        SendError::Unanswered(_) | SendError::BrokenOff(_) => Failure::Refused,
    }
}

/// The answer to a camera that asks for a name and a password; none when it does not, or in a way that is not known.
fn authorization(opened: &Opened, credentials: &Credentials, target: &Uri) -> Option<HeaderValue> {
    (opened.status == StatusCode::UNAUTHORIZED).then(|| answer(&opened.headers, credentials, target)).flatten()
}

fn answer(headers: &HeaderMap, Credentials { username, password }: &Credentials, target: &Uri) -> Option<HeaderValue> {
    let challenges = || headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).map(str::trim);
    let is_of = |challenge: &&str, scheme: &str| challenge.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let by_digest = challenges().filter(|challenge| is_of(challenge, "digest ")).find_map(|challenge| {
        let mut prompt = digest_auth::parse(&with_known_algorithm(challenge)).ok()?;
        let answer = prompt.respond(&AuthContext::new(username.as_str(), password.as_str(), path)).ok()?;
        Some(answer.to_header_string())
    });
    let text = match by_digest {
        Some(text) => text,
        None if challenges().any(|challenge| is_of(&challenge, "basic")) => {
            format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
        }
        None => return None,
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The challenge with its algorithm as RFC 7616 §3.3 writes it: some cameras write `md5`.
fn with_known_algorithm(challenge: &str) -> String {
    const NAME: &str = "algorithm=";
    const KNOWN: [&str; 6] = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];
    let known = challenge.to_ascii_lowercase().find(NAME).map(|at| at + NAME.len()).and_then(|start| {
        let rest = challenge.get(start..)?;
        let value = rest.get(..rest.find([',', ' ']).unwrap_or(rest.len()))?;
        let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(value.trim_matches('"')))?;
        Some(format!("{}{known}{}", challenge.get(..start)?, rest.get(value.len()..)?))
    });
    known.unwrap_or_else(|| challenge.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(challenges: &[&'static str]) -> Option<String> {
        let headers = challenges.iter().map(|text| (WWW_AUTHENTICATE, HeaderValue::from_static(text))).collect();
        let credentials = Credentials { username: "admin".into(), password: "pass word".into() };
        let target = Uri::from_static("http://192.168.1.9:8081/video.cgi?rate=5");
        answer(&headers, &credentials, &target).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn digest_goes_before_basic() {
        let digest = r#"Digest realm="cam", qop="auth", nonce="abc", algorithm=MD5"#;
        for challenges in [&[digest, r#"Basic realm="cam""#][..], &[r#"Basic realm="cam""#, digest], &[digest]] {
            let answer = answered(challenges).unwrap();
            assert!(answer.starts_with("Digest ") && answer.contains(r#"uri="/video.cgi?rate=5""#), "{answer}");
            assert!(!answer.contains("pass word"), "{answer}");
        }
        for algorithm in ["md5", "\"MD5\"", "Sha-256", "MD5-SESS"] {
            let digest: &'static str = format!("Digest realm=\"cam\", qop=\"auth\", algorithm={algorithm}, nonce=\"abc\"").leak();
            assert!(answered(&[digest]).is_some_and(|answer| answer.starts_with("Digest ")), "{algorithm}");
        }
        assert_eq!(answered(&["basic realm=\"cam\""]).unwrap(), "Basic YWRtaW46cGFzcyB3b3Jk");
        assert_eq!(answered(&["Digest nonsense", "Basic realm=\"cam\""]).unwrap(), "Basic YWRtaW46cGFzcyB3b3Jk");
        assert_eq!(answered(&["Bearer"]), None);
        assert_eq!(answered(&[]), None);
    }
}
