//! The WASI side of the edge.

use std::cell::RefCell;
use std::sync::OnceLock;

use axum::body::HttpBody as _;
use bytes::Bytes;
use gatehouse_whole_message as whole_message;
use http_body_util::BodyExt as _;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamResult};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

use super::{background, *};
use crate::body_limit::MAX_BODY;
use crate::{body_limit, coding};

/// Serves one request. An `Err` is a whole response where the host takes those ([`write`]), else a failure, which the host answers with 500.
pub async fn handle(request: types::Request, router: &Router) -> Result<types::Response, ErrorCode> {
    let response = match head(&request) {
        Ok(Incoming { head, length, route, given }) => {
            let body = match length {
                BodyLength::Known(0) => Ok(Body::empty()),
                length => whole_body(request, head.headers(), length, given, &route).await.map(Body::from),
            };
            respond(router, head, body).await
        }
        Err(problem) => finish(problem.into_response(), &request_id(None, 0), Origin::default()),
    };
    write(response).await
}

/// How many bytes the body has.
enum BodyLength {
    Known(usize),
    Unknown,
}

/// A request whose body has not been read.
struct Incoming {
    head: Request<()>,
    length: BodyLength,
    /// The route of the manifest that took it.
    route: Bytes,
    /// The body, if the host has given it with the headers.
    given: Option<Bytes>,
}

/// Room for so many is made at once.
const USUAL_HEADERS: usize = 16;

/// Whether the host takes and gives messages in one piece.
fn is_whole_agreed() -> bool {
    static AGREED: OnceLock<bool> = OnceLock::new();
    *AGREED.get_or_init(|| std::env::var_os(whole_message::AGREEMENT).is_some())
}

fn head(incoming: &types::Request) -> Result<Incoming, Problem> {
    let unreadable = |what: &str| Problem::unreadable(format!("the request's {what} cannot be read"));
    let uri: Uri = incoming.get_path_with_query().as_deref().unwrap_or("/").parse().map_err(|_| unreadable("path"))?;
    let method = http::Method::try_from(incoming.get_method()).map_err(|_| unreadable("method"))?;
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let mut length = None;
    let mut chunked = false;
    let mut route = Bytes::new();
    request.headers_mut().reserve(USUAL_HEADERS);
    let mut add_header = |name: &str, value: Bytes| {
        // Spin tells each request of its own making in a handful of headers; only the client's address and the route are of use.
        if name.starts_with("spin-") && name != "spin-client-addr" {
            if name == "spin-raw-component-route" {
                // The last one is Spin's own, whatever the client has sent.
                route = value;
            }
            return Some(());
        }
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        if name == CONTENT_LENGTH {
            length = value.to_str().ok().and_then(|text| text.parse::<usize>().ok());
        }
        chunked |= name == http::header::TRANSFER_ENCODING;
        request.headers_mut().append(name, value);
        Some(())
    };
    let headers = incoming.get_headers();
    let message = if is_whole_agreed() { headers.get(whole_message::NAME).pop() } else { None };
    let given = match message {
        Some(message) => whole_message::request::read(&message.into(), &mut add_header),
        None => headers.copy_all().into_iter().try_for_each(|(name, value)| add_header(&name, value.into())).map(|()| Bytes::new()),
    };
    let given = given.ok_or_else(|| unreadable("headers"))?;
    let bodiless = length == Some(0) || (length.is_none() && !chunked && (method.is_safe() || method == http::Method::DELETE));
    *request.method_mut() = method;
    let length = if bodiless { Some(0) } else { length };
    let given = Some(given).filter(|body| !body.is_empty());
    Ok(Incoming { head: request, length: length.map_or(BodyLength::Unknown, BodyLength::Known), route, given })
}

/// The body without its content coding, within the limit of the route both as it was sent and as it is read.
async fn whole_body(
    incoming: types::Request,
    headers: &HeaderMap,
    length: BodyLength,
    given: Option<Bytes>,
    route: &[u8],
) -> Result<Bytes, Problem> {
    let max = body_limit::of_route(std::str::from_utf8(route).unwrap_or_default()).await?;
    let body = match given {
        Some(body) if body.len() > max => return Err(too_large(max)),
        Some(body) => body,
        None => read_body(incoming, length, max).await?.into(),
    };
    coding::decode(headers, body, max)
}

fn too_large(max: usize) -> Problem {
    Problem::too_large(format!("a body has at most {max} bytes here"))
}

/// In one read when the length is known: each read is a crossing of the component's boundary.
async fn read_body(incoming: types::Request, length: BodyLength, max: usize) -> Result<Vec<u8>, Problem> {
    let length = match length {
        BodyLength::Known(length) => Some(length),
        BodyLength::Unknown => None,
    };
    let (done, done_reader) = wit_future::new(|| Ok(()));
    let (mut stream, _trailers) = types::Request::consume_body(incoming, done_reader);
    if length.is_some_and(|length| length > max) {
        discard(stream).await;
        return Err(too_large(max));
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
        if body.len() > max {
            drop(body);
            discard(stream).await;
            return Err(too_large(max));
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

/// Hands the response to the host: as the text of an `internal-error` if the host takes whole messages and it fits, else as resources.
///
/// # Errors
/// That text; or `internal-error` without one, if the body cannot be read or the host refuses a header.
async fn write(response: Response) -> Result<types::Response, ErrorCode> {
    let (parts, mut body) = response.into_parts();
    let exact = body.size_hint().exact();
    if exact.is_some_and(|length| length <= whole_message::MAX_BODY as u64) && is_whole_agreed() {
        // In memory already, as its length is known.
        let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| ErrorCode::InternalError(None))?;
        if let Some(message) = whole_message::response::write(parts.status, &parts.headers, &bytes) {
            return Err(ErrorCode::InternalError(Some(message)));
        }
        body = Body::from(bytes);
    }
    let length = exact.filter(|_| {
        !parts.headers.contains_key(CONTENT_LENGTH) && parts.status != StatusCode::NO_CONTENT && parts.status != StatusCode::NOT_MODIFIED
    });
    let headers = fields(&parts.headers, length)?;
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let response = if exact == Some(0) {
        let response = types::Response::new(headers, None, trailers).0;
        drop(trailers_writer);
        response
    } else {
        let (mut writer, contents) = wit_stream::new();
        let response = types::Response::new(headers, Some(contents), trailers).0;
        let written = async move {
            let mut body = std::pin::pin!(body);
            let mut is_broken = false;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    is_broken = true;
                    break;
                };
                if let Ok(data) = frame.into_data()
                    && !writer.write_all(data.into()).await.is_empty()
                {
                    // The client has left.
                    break;
                }
            }
            drop(writer);
            if is_broken {
                // Else a part would be taken for the whole.
                let _ = trailers_writer.write(Err(ErrorCode::InternalError(None))).await;
            } else {
                drop(trailers_writer);
            }
        };
        // A body of known length is there: only the host is waited for.
        if exact.is_some() {
            background::run(written)
        } else {
            spawn(written)
        }
        response
    };
    if parts.status != StatusCode::OK {
        let _ = response.set_status_code(parts.status.as_u16());
    }
    Ok(response)
}

/// The headers of an answer as the host takes them.
fn fields(headers: &HeaderMap, content_length: Option<u64>) -> Result<Fields, ErrorCode> {
    thread_local! {
        /// Those of the answer before: each has its room already.
        static LIST: RefCell<Vec<(String, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    }
    LIST.with_borrow_mut(|list| {
        let mut count = 0;
        let mut add = |name: &str, value: &[u8]| {
            if list.len() == count {
                list.push(Default::default());
            }
            if let Some((known, room)) = list.get_mut(count) {
                known.clear();
                known.push_str(name);
                room.clear();
                room.extend_from_slice(value);
            }
            count += 1;
        };
        headers.iter().for_each(|(name, value)| add(name.as_str(), value.as_bytes()));
        if let Some(length) = content_length {
            add(CONTENT_LENGTH.as_str(), length.to_string().as_bytes());
        }
        // Without the headers that protect it an answer is none.
        Fields::from_list(list.get(..count).unwrap_or_default()).map_err(|_| ErrorCode::InternalError(None))
    })
}
