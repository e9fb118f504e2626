//! HTTP messages in one piece, as the embedded host and the components' edge (`kit::serve`) hand them to each other.
//!
//! By itself a message crosses a component's boundary as resources: the request is one, its headers are another, whose names and values
//! cross as a list of two lists each; a response is made of headers, a stream and a future. That is some twenty calls and as many allocations as
//! there are headers, on both sides. Where both sides know of it, a message crosses as one list of bytes, its header section as HTTP/1.1 has it
//! (RFC 9112 §2.1):
//!
//! - The embedded host says in each guest's environment that it does so ([`AGREEMENT`]). Spin says nothing, and there messages are resources.
//! - A guest asks the headers of its request for [`NAME`], and is given [all of them](request::write), with the body if that is small.
//! - It returns a response as the text of the error `internal-error`: what a handler returns is a resource or an error, and only the error
//!   crosses by value. The text begins with [`NAME`] ([`response::write`]). From a guest that never asked, the host takes it for an error.
//!
//! What is large, is no text, or streams crosses as it does on Spin.

/// The environment variable by which a guest is told. Its value says nothing.
pub const AGREEMENT: &str = "GATEHOUSE_WHOLE_MESSAGES";

/// What a guest asks the headers of its request for, and what the text of a response begins with.
pub const NAME: &str = "gatehouse-message";

/// The largest body that crosses in one piece, in bytes. What is larger waits for room in the host piece by piece.
pub const MAX_BODY: usize = 64 << 10;

/// The most headers of a message: the host takes a hundred from a client, and adds some.
pub const MAX_HEADERS: usize = 128;

/// The largest response in one piece with its headers, in bytes.
const MAX_RESPONSE: usize = MAX_BODY + (64 << 10);

const END_OF_LINE: &[u8] = b"\r\n";

/// Requests: the method and the path are asked for apart, as strings.
pub mod request {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{END_OF_LINE, MAX_HEADERS};

    /// The header section without one header, which is the body; a body that is none, or crosses as a stream, is empty.
    pub fn write(headers: &HeaderMap, body: &HeaderName) -> Vec<u8> {
        let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
        let mut message = Vec::with_capacity(length + END_OF_LINE.len());
        for (name, value) in headers.iter().filter(|(name, _)| *name != body) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), END_OF_LINE] {
                message.extend_from_slice(part);
            }
        }
        message.extend_from_slice(END_OF_LINE);
        message.extend_from_slice(headers.get(body).map_or(&[], HeaderValue::as_bytes));
        message
    }

    /// Calls `header` with each name and value, in their order, and returns the body. `None` if it is no such message, or `header` returns `None`.
    pub fn read(message: &Bytes, mut header: impl FnMut(&str, Bytes) -> Option<()>) -> Option<Bytes> {
        let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let httparse::Status::Complete((length, headers)) = httparse::parse_headers(message, &mut room).ok()? else { return None };
        for httparse::Header { name, value } in headers {
            header(name, message.slice_ref(value))?;
        }
        Some(message.slice(length..))
    }
}

/// Responses.
pub mod response {
    use bytes::Bytes;
    use http::header::CONTENT_ENCODING;
    use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

    use super::{MAX_HEADERS, MAX_RESPONSE, NAME};

    /// The response as a text; `None` if a header or the body is none, or there is too much of either.
    pub fn write(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        if headers.len() > MAX_HEADERS || headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        // Far quicker than that of std, which is what makes it worth while for a page of a list.
        let body = simdutf8::basic::from_utf8(body).ok()?;
        let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
        let length = NAME.len() + length + body.len() + 8;
        if length > MAX_RESPONSE {
            return None;
        }
        let mut message = String::with_capacity(length);
        for part in [NAME, " ", status.as_str(), "\r\n"] {
            message.push_str(part);
        }
        for (name, value) in headers {
            for part in [name.as_str(), ": ", std::str::from_utf8(value.as_bytes()).ok()?, "\r\n"] {
                message.push_str(part);
            }
        }
        message.push_str("\r\n");
        message.push_str(body);
        Some(message)
    }

    /// The response that a text is, if it is one.
    pub fn read(message: String) -> Option<Response<Bytes>> {
        if message.len() > MAX_RESPONSE {
            return None;
        }
        let (status, _) = message.strip_prefix(NAME)?.strip_prefix(' ')?.split_once("\r\n")?;
        let head = NAME.len() + 1 + status.len() + 2;
        let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
        let message = Bytes::from(message).split_off(head);
        let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let httparse::Status::Complete((length, parsed)) = httparse::parse_headers(&message, &mut room).ok()? else { return None };
        let mut headers = HeaderMap::with_capacity(parsed.len());
        for httparse::Header { name, value } in parsed {
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_maybe_shared(message.slice_ref(value)).ok()?);
        }
        let mut response = Response::new(message.slice(length..));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn map(headers: &[(String, Vec<u8>)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::from_bytes(value.trim_ascii()).unwrap());
        }
        map
    }

    fn headers(value: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = HeaderMap> {
        let name = "[a-z0-9!#$%&'*+.^_`|~-]{1,20}";
        proptest::collection::vec((name, value), 0..20).prop_map(|headers| map(&headers))
    }

    /// What a header's value may be (RFC 9110 §5.5), without blanks at its ends.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let byte = any::<u8>().prop_filter("no control", |byte| (*byte >= 0x20 && *byte != 0x7f) || *byte == b'\t');
        proptest::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_it_was_written(headers in headers(value()), body in value()) {
            let (mut all, of_body) = (headers.clone(), HeaderName::from_static("the-body"));
            all.insert(of_body.clone(), HeaderValue::from_bytes(&body).unwrap());
            let message = Bytes::from(request::write(&all, &of_body));
            let mut read = HeaderMap::new();
            let rest = request::read(&message, |name, value| {
                read.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_maybe_shared(value).ok()?);
                Some(())
            });
            prop_assert_eq!((read, rest), (headers, Some(Bytes::from(body))));
        }

        #[test]
        fn a_response_is_read_as_it_was_written(
            status in 100u16..1000,
            headers in headers("[ -~मंदिर]{0,40}".prop_map(String::into_bytes)),
            body in any::<String>(),
        ) {
            let status = StatusCode::from_u16(status).unwrap();
            let message = response::write(status, &headers, body.as_bytes()).unwrap();
            let read = response::read(message).unwrap();
            prop_assert_eq!((read.status(), read.headers(), &read.body()[..]), (status, &headers, body.as_bytes()));
        }

        #[test]
        fn whatever_is_read_nothing_panics(text in any::<String>()) {
            request::read(&Bytes::from(text.clone()), |_, _| Some(()));
            response::read(format!("{NAME} 200\r\n{text}"));
            response::read(text);
        }
    }

    #[test]
    fn what_is_no_text_is_not_written() {
        let none = HeaderMap::new();
        assert_eq!(response::write(StatusCode::OK, &none, b"\x1f\x8b"), None);
        assert_eq!(response::write(StatusCode::OK, &map(&[("x-name".to_owned(), vec![0xff])]), b""), None);
        assert_eq!(response::write(StatusCode::OK, &map(&[("content-encoding".to_owned(), b"gzip".to_vec())]), b""), None);
    }

    #[test]
    fn what_is_written_can_be_read_however_much_it_is() {
        let headers = |count: usize, length: usize| map(&vec![("x-a".to_owned(), vec![b'a'; length]); count]);
        for (headers, body) in
            [(headers(128, 1), 64 << 10), (headers(129, 1), 1), (headers(60, 1_000), 64 << 10), (headers(70, 1_000), 64 << 10)]
        {
            let written = response::write(StatusCode::OK, &headers, &vec![b'b'; body]);
            assert_eq!(written.is_some(), headers.len() != 129 && headers.len() != 70);
            assert!(written.is_none_or(|message| response::read(message).is_some()));
        }
        assert!(response::read(format!("{NAME} 200\r\n\r\n{}", "b".repeat(200_000))).is_none());
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        for text in [
            "",
            "an error",
            "gatehouse-message",
            "gatehouse-message 20\r\n\r\n",
            "gatehouse-message 200\r\na: b\r\n",
            "gatehouse-message 200\r\na b\r\n\r\n",
        ] {
            assert!(response::read(text.to_owned()).is_none(), "{text}");
        }
        assert!(request::read(&Bytes::from_static(b"a: b\r\n"), |_, _| Some(())).is_none());
    }
}
