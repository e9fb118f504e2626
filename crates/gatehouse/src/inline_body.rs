//! Small bodies that cross a component's boundary as a header.
//!
//! A body by itself crosses as a stream, with a future for what follows it: a dozen calls. So this host says in each guest's environment that it gives it a small body also as a header, and takes one so; the
//! guest's side is `kit::serve::inline_body`. What is large, or what a header cannot hold (line breaks, what is compressed), crosses as a stream,
//! as every body does on Spin.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime_wasi_http::{FieldMap, WasiHttpHooks};

/// The environment variable by which a guest is told, with a value that says nothing.
pub const AGREEMENT: (&str, &str) = ("GATEHOUSE_INLINE_BODIES", "1");

/// The header. None leaves the process, and none that a client sends gets in.
const HEADER: HeaderName = HeaderName::from_static("gatehouse-body");

/// The largest body of a request that is given in this way, in bytes. A header is looked at byte by byte.
const MAX: usize = 4 << 10;

/// Gives the guest the body of a request among its headers too, if it is small and a header can hold it (RFC 9110 §5.5). `None` is for one that
/// is not there whole.
pub fn give(headers: &mut HeaderMap, body: Option<&Bytes>) {
    let value = body.filter(|it| (1..=MAX).contains(&it.len())).and_then(|it| HeaderValue::from_maybe_shared(it.clone()).ok());
    match value {
        Some(value) => drop(headers.insert(HEADER, value)),
        None => drop(headers.remove(HEADER)),
    }
}

/// Takes the body of a response from its headers, if the guest has put it there.
pub fn take(headers: &mut FieldMap, hooks: &mut dyn WasiHttpHooks) -> Option<Bytes> {
    // The headers of another message cannot be changed by the guest, and may have one.
    headers.set_mutable(usize::MAX);
    let values = headers.remove_all(hooks, HEADER.as_str().to_owned()).ok()?;
    values.first().map(|it| Bytes::copy_from_slice(it.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: Option<&[u8]>) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("a client's"));
        headers.append(HEADER, HeaderValue::from_static("another"));
        give(&mut headers, body.map(Bytes::copy_from_slice).as_ref());
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().map(|it| it.as_bytes().to_vec());
        assert!(values.next().is_none(), "what a client has sent gets in");
        value
    }

    #[test]
    fn a_body_is_taken_from_the_headers_also_from_those_of_another_message() {
        let hooks = wasmtime_wasi_http::default_hooks();
        let mut sent = HeaderMap::new();
        sent.append("vary", HeaderValue::from_static("origin"));
        sent.append(HEADER, HeaderValue::from_static("{}"));
        let mut headers = FieldMap::new_immutable(hooks, sent);
        assert_eq!(take(&mut headers, hooks).as_deref(), Some(&b"{}"[..]));
        assert_eq!(take(&mut headers, hooks), None);
        assert_eq!(HeaderMap::from(headers).len(), 1);
    }

    #[test]
    fn a_small_body_on_one_line_is_given_and_nothing_else() {
        for body in [&br#"{"occupied":true}"#[..], "मंदिर".as_bytes(), &[b'x'; MAX]] {
            assert_eq!(given(Some(body)).as_deref(), Some(body));
        }
        for body in [None, Some(&b""[..]), Some(b"{\n}"), Some(b"\x7f"), Some(b"\x1f\x8b\x08\0"), Some(&[b'x'; MAX + 1])] {
            assert_eq!(given(body), None);
        }
    }
}
