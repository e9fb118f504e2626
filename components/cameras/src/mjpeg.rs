//! Live pictures as cameras send them: `multipart/x-mixed-replace`, a JPEG a part.

use domain::camera::{Failure, picture_type};
use futures::future::{Either, select};
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
    // What Rfc 2046 §5.1.1 allows, at its length.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    ((1..=70).contains(&value.len()) && value.bytes().all(is_plain)).then(|| value.to_owned())
}

/// The first whole picture among these bytes.
fn first_picture<'a>(bytes: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    // Some cameras name their boundary with its dashes, others without.
    let name = boundary.trim_start_matches('-').as_bytes();
    let start = find(bytes, name)? + name.len();
    let rest = bytes.get(start..)?;
    let head_end = find(rest, b"\r\n\r\n")?;
    let (head, body) = (rest.get(..head_end)?, rest.get(head_end + 4..)?);
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (header, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        header.trim().eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    match length {
        Some(length) => body.get(..length),
        None => {
            let end = find(body, name)?;
            let picture = body.get(..end)?.trim_ascii_end();
            Some(picture.strip_suffix(b"--").unwrap_or(picture).trim_ascii_end())
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

/// The whole body of an answer that is a picture, or its first picture when it is live ones; with its media type.
pub async fn picture(opened: Opened) -> Result<(Vec<u8>, &'static str), Failure> {
    let reading = std::pin::pin!(read(opened));
    let limit = std::pin::pin!(clock::sleep_ms(HEAD_MS));
    match select(reading, limit).await {
        Either::Left((picture, _)) => picture,
        Either::Right(_) => Err(Failure::Slow),
    }
}

async fn read(opened: Opened) -> Result<(Vec<u8>, &'static str), Failure> {
    let boundary = boundary(&opened.headers);
    let mut body = opened.body;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| failure(&error))?);
        if let Some(boundary) = &boundary
            && let Some(picture) = first_picture(&bytes, boundary)
        {
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
    use http::HeaderValue;

    use super::*;

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
        assert_eq!(first_picture(with_length, "B"), Some(&b"\xff\xd8\xff\xe0"[..]));
        let without = b"\r\n--B\r\nContent-type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0\r\n--B\r\nContent-type";
        assert_eq!(first_picture(without, "--B"), Some(&b"\xff\xd8\xff\xe0"[..]));
        for cut in 0..with_length.len() - 7 {
            assert_eq!(first_picture(&with_length[..cut], "B"), None, "{cut}");
        }
        assert_eq!(first_picture(b"--B\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "B"), None);
    }
}
