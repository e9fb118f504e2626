//! The host's side of [messages in one piece](gatehouse_whole_message): it says in each guest's environment that it gives and takes them.
//!
//! A guest that does not ask reads requests and makes responses through resources; it sees a small body also as the header `gatehouse-body`.

use bytes::Bytes;
use gatehouse_whole_message::{MAX_HEADERS, NAME, request, response};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode, Headers, HostFields as _};
use wasmtime_wasi_http::{FieldMap, WasiHttpView as _};

use crate::instance_state::InstanceState;
use crate::outbound::is_forbidden_header;

/// The environment variable by which a guest is told, with a value that says nothing.
pub const AGREEMENT: (&str, &str) = (gatehouse_whole_message::AGREEMENT, "1");

/// The header that carries a small request body to the guest. A client's is replaced or removed; none is sent to a client or another server.
const BODY: HeaderName = HeaderName::from_static("gatehouse-body");

/// The largest body of a request that is given in this way, in bytes. A header is looked at byte by byte.
const MAX_REQUEST_BODY: usize = 4 << 10;

/// Puts the body of a request among its headers too, if it is small and a header can hold it (RFC 9110 §5.5).
pub fn give(headers: &mut HeaderMap, body: &Bytes) {
    let is_small = (1..=MAX_REQUEST_BODY).contains(&body.len());
    match is_small.then(|| HeaderValue::from_maybe_shared(body.clone())) {
        Some(Ok(value)) => drop(headers.insert(BODY, value)),
        _ => strip(headers),
    }
}

/// Removes the header that carries a request's body to a guest.
pub fn strip(headers: &mut HeaderMap) {
    headers.remove(BODY);
}

/// Has the headers of a request answer a guest that asks them for the whole message. Comes after `wasi:http/types` has been linked, whose other
/// answers it leaves.
///
/// # Errors
/// If the function cannot be defined. That it is of another version of the interface than guests import is not noticed here, but by the suite `isolation`.
pub fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:http/types@0.3.0")?.func_wrap(
        "[method]fields.get",
        |mut store: StoreContextMut<'_, InstanceState>, (fields, name): (Resource<Headers>, String)| {
            let state = store.data_mut();
            if name != NAME {
                return Ok((state.http().get(fields, name)?,));
            }
            state.asks_for_whole_messages = true;
            let headers: &FieldMap = state.http().table.get(&fields)?;
            let message = (headers.len() <= MAX_HEADERS).then(|| request::write(headers, &BODY));
            Ok((Vec::from_iter(message),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The response that the handler of a guest which asks for whole messages has returned as an error, or else the error.
///
/// # Errors
/// If it is none.
pub fn take(error: ErrorCode) -> std::result::Result<Response<Bytes>, ErrorCode> {
    match error {
        ErrorCode::InternalError(Some(text)) if text.starts_with(NAME) => response::read(text).filter(is_sound).ok_or_else(|| {
            tracing::error!("a handler returned a message that is no response, or has headers that it may not have");
            ErrorCode::InternalError(None)
        }),
        error => Err(error),
    }
}

/// Whether a guest may make such a response of resources.
fn is_sound(response: &Response<Bytes>) -> bool {
    let mut lengths = response.headers().get_all(CONTENT_LENGTH).iter();
    let is_number = |length: &HeaderValue| length.to_str().is_ok_and(|text| text.parse::<u64>().is_ok());
    lengths.next().is_none_or(is_number) && lengths.next().is_none() && !response.headers().keys().any(is_forbidden_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &[u8]) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        headers.append(BODY, HeaderValue::from_static("a client's"));
        headers.append(BODY, HeaderValue::from_static("another"));
        give(&mut headers, &Bytes::copy_from_slice(body));
        let mut values = headers.get_all(BODY).iter();
        let value = values.next().map(|it| it.as_bytes().to_vec());
        assert!(values.next().is_none(), "what a client has sent gets in");
        value
    }

    #[test]
    fn a_small_body_on_one_line_is_given_and_nothing_else() {
        for body in [&br#"{"occupied":true}"#[..], "मंदिर".as_bytes(), &[b'x'; MAX_REQUEST_BODY]] {
            assert_eq!(given(body).as_deref(), Some(body));
        }
        for body in [&b""[..], b"{\n}", b"\x7f", b"\x1f\x8b\x08\0", &[b'x'; MAX_REQUEST_BODY + 1]] {
            assert_eq!(given(body), None);
        }
    }

    #[test]
    fn an_error_that_is_no_response_stays_one() {
        for head in ["x", "connection: a", "content-length: a", "content-length: 1\r\ncontent-length: 1"] {
            let text = format!("gatehouse-message 200\r\n{head}\r\n\r\n");
            assert!(take(ErrorCode::InternalError(Some(text))).is_err(), "{head}");
        }
        assert!(take(ErrorCode::HttpResponseTimeout).is_err() && take(ErrorCode::InternalError(None)).is_err());
        let taken = take(ErrorCode::InternalError(Some("gatehouse-message 404\r\na: b\r\n\r\n{}".to_owned()))).unwrap();
        assert_eq!((taken.status().as_u16(), taken.headers().len(), &taken.body()[..]), (404, 1, &b"{}"[..]));
    }
}
