//! The WASI side of the edge.

use axum::body::HttpBody as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamResult};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

use super::*;
use crate::coding;
use crate::request::MAX_BODY;

/// Serves one request. Never an `Err`: that would be an empty 500.
pub async fn handle(request: types::Request, router: &Router) -> Result<types::Response, ErrorCode> {
    let response = match head(&request) {
        Ok((head, length)) => {
            let body = match length {
                BodyLength::Known(0) => Ok(Body::empty()),
                length => read_body(request, length).await.and_then(|body| coding::decode(head.headers(), body, MAX_BODY)).map(Body::from),
            };
            respond(router, head, body).await
        }
        Err(problem) => finish(problem.into_response(), &request_id(None, 0)),
    };
    Ok(write(response))
}

/// How many bytes the body has.
enum BodyLength {
    Known(usize),
    Unknown,
}

fn head(incoming: &types::Request) -> Result<(Request<()>, BodyLength), Problem> {
    let unreadable = |what: &str| Problem::unreadable(format!("the request's {what} cannot be read"));
    let uri: Uri = incoming.get_path_with_query().as_deref().unwrap_or("/").parse().map_err(|_| unreadable("path"))?;
    let method = http::Method::try_from(incoming.get_method()).map_err(|_| unreadable("method"))?;
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let mut length = None;
    let mut chunked = false;
    for (name, value) in incoming.get_headers().copy_all() {
        // Spin tells each request of its own making in a handful of headers; only the client's address is of use.
        if name.starts_with("spin-") && name != "spin-client-addr" {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unreadable("headers"))?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| unreadable("headers"))?;
        if name == CONTENT_LENGTH {
            length = value.to_str().ok().and_then(|text| text.parse::<usize>().ok());
        }
        chunked |= name == http::header::TRANSFER_ENCODING;
        request.headers_mut().append(name, value);
    }
    let bodiless = length == Some(0) || (length.is_none() && !chunked && (method.is_safe() || method == http::Method::DELETE));
    *request.method_mut() = method;
    let length = if bodiless { Some(0) } else { length };
    Ok((request, length.map_or(BodyLength::Unknown, BodyLength::Known)))
}

/// In one read when the length is known: each read is a crossing of the component's boundary.
async fn read_body(incoming: types::Request, length: BodyLength) -> Result<Vec<u8>, Problem> {
    let length = match length {
        BodyLength::Known(length) => Some(length),
        BodyLength::Unknown => None,
    };
    let too_large = || Problem::too_large(format!("a body has at most {MAX_BODY} bytes"));
    let (done, done_reader) = wit_future::new(|| Ok(()));
    let (mut stream, _trailers) = types::Request::consume_body(incoming, done_reader);
    if length.is_some_and(|length| length > MAX_BODY) {
        discard(stream).await;
        return Err(too_large());
    }
    let mut body = Vec::new();
    while length.is_none_or(|length| body.len() < length) {
        let wanted = length.map_or(64 * 1024, |length| length - body.len());
        let (result, chunk) = stream.read(Vec::with_capacity(wanted)).await;
        if body.is_empty() {
            body = chunk;
        } else {
            body.extend_from_slice(&chunk);
        }
        if body.len() > MAX_BODY {
            drop(body);
            discard(stream).await;
            return Err(too_large());
        }
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => break,
        }
    }
    drop(done);
    if length.is_some_and(|length| body.len() < length) {
        return Err(Problem::unreadable("the body did not arrive whole"));
    }
    Ok(body)
}

/// Reads on for a while without keeping anything: a client that is still sending when the connection is closed never sees the answer.
async fn discard(mut stream: StreamReader<u8>) {
    let mut left = 16 * MAX_BODY;
    let mut chunk = Vec::with_capacity(64 * 1024);
    while left > 0 {
        let (result, read) = stream.read(chunk).await;
        if !matches!(result, StreamResult::Complete(_)) {
            return;
        }
        left = left.saturating_sub(read.len());
        chunk = read;
        chunk.clear();
    }
}

fn write(response: Response) -> types::Response {
    let (parts, body) = response.into_parts();
    let exact = body.size_hint().exact();
    let mut headers: Vec<(String, Vec<u8>)> = Vec::with_capacity(parts.headers.len() + 1);
    for (name, value) in &parts.headers {
        headers.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
    }
    if let Some(length) = exact
        && !parts.headers.contains_key(CONTENT_LENGTH)
        && parts.status != StatusCode::NO_CONTENT
        && parts.status != StatusCode::NOT_MODIFIED
    {
        headers.push((CONTENT_LENGTH.as_str().to_owned(), length.to_string().into_bytes()));
    }
    // Names and values are valid already, so this cannot refuse them.
    let headers = Fields::from_list(&headers).unwrap_or_else(|_| Fields::new());
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let response = if exact == Some(0) {
        drop(trailers_writer);
        types::Response::new(headers, None, trailers).0
    } else {
        let (mut writer, contents) = wit_stream::new();
        let response = types::Response::new(headers, Some(contents), trailers).0;
        spawn(async move {
            let mut body = std::pin::pin!(body);
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data()
                    && !writer.write_all(data.into()).await.is_empty()
                {
                    // The client has left.
                    break;
                }
            }
            drop(writer);
            drop(trailers_writer);
        });
        response
    };
    if parts.status != StatusCode::OK {
        let _ = response.set_status_code(parts.status.as_u16());
    }
    response
}
