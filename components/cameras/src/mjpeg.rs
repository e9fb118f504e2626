//! Live pictures as cameras send them: `multipart/x-mixed-replace`, a JPEG a part.

use domain::camera::{Failure, picture_type};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use kit::clock;
use kit::http::Opened;

use crate::client::{HEAD_MS, failure};

/// The largest picture that is taken, bytes.
pub const MAX_PICTURE: usize = 8 * 1024 * 1024;

/// The boundary of live pictures; none when the answer is something else.
pub fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let mut parts = kind.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/x-mixed-replace") {
        return None;
    }
    let (_, value) = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    // What RFC 2046 §5.1.1 allows, at its length.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    ((1..=70).contains(&value.len()) && value.bytes().all(is_plain)).then(|| value.to_owned())
}

/// Looks for the first whole picture among bytes that come in pieces. What was looked at is not looked at again.
struct Search {
    /// The boundary, without dashes: some cameras name it with them, others without.
    name: Vec<u8>,
    state: Looking,
    /// Up to where nothing of what is looked for begins.
    from: usize,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Looking {
    /// The boundary before the picture.
    Boundary,
    /// The end of the part's head, which begins here.
    HeadEnd(usize),
    /// From here on, as many bytes.
    Length(usize, usize),
    /// The boundary after the picture, which begins here.
    NextBoundary(usize),
}

impl Search {
    fn new(boundary: &str) -> Self {
        Self { name: boundary.trim_start_matches('-').as_bytes().to_vec(), state: Looking::Boundary, from: 0 }
    }

    /// The picture, once it is whole. `bytes` are all that have come so far.
    fn picture<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            match self.state {
                Looking::Boundary => {
                    let start = find(bytes, &self.name, &mut self.from)? + self.name.len();
                    (self.state, self.from) = (Looking::HeadEnd(start), start);
                }
                Looking::HeadEnd(start) => {
                    let end = find(bytes, HEAD_END, &mut self.from)?;
                    let body = end + HEAD_END.len();
                    self.state = match length(bytes.get(start..end)?) {
                        Some(length) => Looking::Length(body, length),
                        None => Looking::NextBoundary(body),
                    };
                    self.from = body;
                }
                Looking::Length(body, length) => return bytes.get(body..body.checked_add(length)?),
                Looking::NextBoundary(body) => {
                    let end = find(bytes, &self.name, &mut self.from)?;
                    let picture = bytes.get(body..end)?.trim_ascii_end();
                    return Some(picture.strip_suffix(b"--").unwrap_or(picture).trim_ascii_end());
                }
            }
        }
    }
}

const HEAD_END: &[u8] = b"\r\n\r\n";

/// How long a part is by its head; none where that does not say.
fn length(head: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (header, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        header.trim().eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    })
}

/// Where `wanted` is, from `from` on, which is moved past what does not begin it.
fn find(bytes: &[u8], wanted: &[u8], from: &mut usize) -> Option<usize> {
    let at = bytes.get(*from..)?.windows(wanted.len().max(1)).position(|window| window == wanted).map(|at| *from + at);
    if at.is_none() {
        *from = (bytes.len() + 1).saturating_sub(wanted.len().max(1)).max(*from);
    }
    at
}

/// The whole body of an answer that is a picture, or its first picture when it is live ones; with its media type.
pub async fn picture(opened: Opened) -> Result<(Vec<u8>, &'static str), Failure> {
    read(opened, HEAD_MS).await
}

/// The same within so many milliseconds, however its bytes come.
async fn read(opened: Opened, time_ms: u64) -> Result<(Vec<u8>, &'static str), Failure> {
    let mut search = boundary(&opened.headers).map(|boundary| Search::new(&boundary));
    let (mut body, started) = (opened.body, clock::now_ms());
    let mut bytes = Vec::new();
    loop {
        let left = time_ms.saturating_sub(clock::now_ms().saturating_sub(started));
        if left == 0 {
            return Err(Failure::Slow);
        }
        let Some(piece) = body.next_within(left).await else { break };
        bytes.extend_from_slice(&piece.map_err(|error| failure(&error))?);
        if let Some(picture) = search.as_mut().and_then(|search| search.picture(&bytes)) {
            return checked(picture.to_vec());
        }
        if bytes.len() > MAX_PICTURE {
            return Err(Failure::NotAPicture);
        }
    }
    checked(bytes)
}

fn checked(bytes: Vec<u8>) -> Result<(Vec<u8>, &'static str), Failure> {
    let kind = picture_type(&bytes).ok_or(Failure::NotAPicture)?;
    Ok((bytes, kind))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::executor::block_on;
    use futures::stream::{self, Stream, StreamExt as _};
    use http::{HeaderValue, StatusCode};
    use kit::http::{Incoming, SendError};

    use super::*;

    /// The first picture of what comes at once, and the same of what comes byte by byte.
    fn first_picture(bytes: &[u8], boundary: &str) -> Option<Vec<u8>> {
        let whole = Search::new(boundary).picture(bytes).map(<[u8]>::to_vec);
        let mut search = Search::new(boundary);
        let in_pieces = (0..=bytes.len()).find_map(|end| search.picture(&bytes[..end]).map(<[u8]>::to_vec));
        assert_eq!(whole, in_pieces);
        whole
    }

    fn live(body: impl Stream<Item = Result<Bytes, SendError>> + Send + 'static) -> Opened {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("multipart/x-mixed-replace; boundary=B"))]);
        Opened { status: StatusCode::OK, headers, body: Incoming::of(body) }
    }

    fn of(kind: &'static str) -> Option<String> {
        boundary(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]))
    }

    #[test]
    fn a_boundary_is_read_as_cameras_write_it() {
        assert_eq!(of("multipart/x-mixed-replace; boundary=BoundaryString").as_deref(), Some("BoundaryString"));
        assert_eq!(of("multipart/x-mixed-replace;boundary=\"--myboundary\"").as_deref(), Some("--myboundary"));
        assert_eq!(of("Multipart/X-Mixed-Replace; charset=utf-8; Boundary=ffmpeg").as_deref(), Some("ffmpeg"));
        for other in [
            "image/jpeg",
            "multipart/x-mixed-replace",
            "multipart/x-mixed-replace; boundary=",
            "multipart/x-mixed-replace; boundary=a\"b",
            "text/html; boundary=x",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_picture_is_the_one_between_two_boundaries() {
        let with_length = b"--B\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n\xff\xd8\xff\xe0\r\n--B\r\n";
        assert_eq!(first_picture(with_length, "B"), Some(b"\xff\xd8\xff\xe0".to_vec()));
        let without = b"\r\n--B\r\nContent-type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0\r\n--B\r\nContent-type";
        assert_eq!(first_picture(without, "--B"), Some(b"\xff\xd8\xff\xe0".to_vec()));
        for cut in 0..with_length.len() - 7 {
            assert_eq!(first_picture(&with_length[..cut], "B"), None, "{cut}");
        }
        assert_eq!(first_picture(b"--B\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "B"), None);
    }
    #[test]
    fn nothing_is_looked_at_twice() {
        let mut search = Search::new("boundary");
        let mut bytes = b"--boundary\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
        assert_eq!(search.picture(&bytes), None);
        for _ in 0..1000 {
            let before = bytes.len();
            bytes.extend_from_slice(&[b'a'; 1000]);
            assert_eq!(search.picture(&bytes), None);
            assert!(search.from + "boundary".len() > before, "it goes on where it has stopped");
        }
    }

    #[test]
    fn one_that_is_slow_or_trickles_has_its_time_and_no_more() {
        let piece = || Ok(Bytes::from_static(b"a"));
        let trickling = stream::repeat_with(piece).then(|piece| async {
            clock::sleep_ms(3).await;
            piece
        });
        assert_eq!(block_on(read(live(trickling), 40)).err(), Some(Failure::Slow));
        // One that never waits, and one that never sends.
        let flood = stream::repeat_with(|| Ok(Bytes::new()));
        assert_eq!(block_on(read(live(flood), 20)).err(), Some(Failure::Slow));
        assert_eq!(block_on(read(live(stream::pending()), 20)).err(), Some(Failure::Slow));
        let good =
            stream::iter([&b"--B\r\nContent-Length: 4\r\n\r\n\xff\xd8"[..], b"\xff\xe0\r\n"]).map(|piece| Ok(Bytes::from_static(piece)));
        assert_eq!(block_on(read(live(good), 5_000)).ok(), Some((b"\xff\xd8\xff\xe0".to_vec(), "image/jpeg")));
    }
}
