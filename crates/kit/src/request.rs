//! What a handler reads from the request, beside its caller and its body.

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;

use crate::{Problem, host};

/// The time of the request, milliseconds: read once, at the edge, so that everything a request does happens at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub i64);

impl<S: Sync> FromRequestParts<S> for Now {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(now(parts))
    }
}

/// The request's time, from its parts.
pub fn now(parts: &Parts) -> Now {
    parts.extensions.get::<Now>().copied().unwrap_or_else(|| Now(host::now_ms()))
}

/// The id that names this request in answers and logs.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The client's address as the host saw it; a proxy's when one stands before it.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Spin adds its own after one that the client has sent: only the last is to be trusted.
        let last = parts.headers.get_all("spin-client-addr").iter().next_back();
        let address = last.and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Spin gives `address:port`; the port is another one each connection.
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        Ok(Self(host.trim_matches(['[', ']']).to_owned()))
    }
}

/// A JSON body, unread: 415 when it says that it is something else. `application/x-ndjson` is let through as JSON's relative.
pub struct JsonBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if let Some(kind) = request.headers().get(http::header::CONTENT_TYPE) {
            let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            let is = |known: &str| essence.eq_ignore_ascii_case(known);
            let json = is("application/json")
                || is("application/x-ndjson")
                || is("application/ndjson")
                || essence.to_ascii_lowercase().ends_with("+json");
            if !json {
                return Err(Problem::media_type("send application/json"));
            }
        }
        // The edge has held it to `MAX_BODY` already; axum's own limit of 2 MB for `Bytes` is below that.
        axum::body::to_bytes(request.into_body(), crate::serve::MAX_BODY)
            .await
            .map(Self)
            .map_err(|_| Problem::unreadable("the body did not arrive whole"))
    }
}

/// The raw query string, empty when there is none.
pub struct Query(pub String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(headers: &[&str]) -> String {
        let request = headers.iter().fold(http::Request::get("/"), |request, value| request.header("spin-client-addr", *value));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let extracted = futures::executor::block_on(ClientAddress::from_request_parts(&mut parts, &()));
        extracted.unwrap_or_else(|never| match never {}).0
    }

    #[test]
    fn a_client_does_not_choose_its_address() {
        assert_eq!(address(&["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(address(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(address(&["203.0.113.9:1", "192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(address(&[]), "");
    }
}
