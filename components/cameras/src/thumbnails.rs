//! A small picture of each recording, of when it began: the camera's picture over HTTP, as the scheduled run looks at it, made small.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use domain::camera::Level;
use http::header::CONTENT_TYPE;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageReader, Limits};
use kit::caller::{Caller, Person};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::request::Now;
use kit::{Answer, Problem, params};

use crate::recordings;

/// The longer side at most, pixels.
const SIDE: u32 = 320;

/// What of JPEG's quality is kept, percent.
const QUALITY: u8 = 75;

/// The longest side of a picture that is made small, pixels.
const MOST_SIDE: u32 = 8192;

/// Bytes that reading one may take: a component has 128 MiB.
const MOST_BYTES: u64 = 48 * 1024 * 1024;

/// The picture, small, as JPEG; none when it cannot be read, or is too large.
pub fn small(picture: &[u8]) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(std::io::Cursor::new(picture)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(MOST_SIDE), Some(MOST_SIDE), Some(MOST_BYTES));
    reader.limits(limits);
    let small = reader.decode().ok()?.thumbnail(SIDE, SIDE).into_rgb8();
    let mut bytes = Vec::new();
    small.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).ok()?;
    Some(bytes)
}

/// Keeps a picture that was made small for a recording that has none.
pub fn keep(recording: &str, small: &[u8], now: i64) -> Answer<()> {
    Database.run(
        "insert into recording_thumbnails (recording_id, taken_at, picture) select id, ?2, ?3 from camera_recordings where id = ?1
         on conflict do nothing",
        params![recording, now, small.to_vec()],
    )?;
    Ok(())
}

/// Returns a small picture of a recording, as JPEG. Takes the access level `view`.
///
/// It is of when the recording began: the camera's picture over HTTP. A camera without one has none.
#[utoipa::path(
    get,
    path = "/v0/api/cctv/recordings/{id}/thumbnail",
    responses((status = 200, description = "The picture.", content_type = "image/jpeg", body = String))
)]
pub async fn read(caller: Caller<Person>, Now(now): Now, Path(id): Path<String>) -> Answer<Response> {
    let recording = recordings::require(&id, &caller.0, Level::View, now)?;
    let picture: Option<Vec<u8>> =
        Database.fetch_scalar("select picture from recording_thumbnails where recording_id = ?", params![&recording.id])?;
    let picture = picture.ok_or_else(|| Problem::not_found("thumbnail"))?;
    Ok(([(CONTENT_TYPE, "image/jpeg")], picture).into_response())
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let pixels = RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 80]));
        DynamicImage::ImageRgb8(pixels).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_is_made_small_and_keeps_its_shape() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let small = small(&picture(1280, 720, format)).unwrap();
            let read = image::load_from_memory(&small).unwrap();
            assert_eq!((read.width(), read.height()), (320, 180));
            assert!(small.starts_with(&[0xff, 0xd8, 0xff]) && small.len() < 20_000, "{}", small.len());
        }
    }

    #[test]
    fn what_is_no_picture_or_broken_off_has_no_thumbnail() {
        let whole = picture(640, 480, ImageFormat::Png);
        for bytes in [&b""[..], b"<html>", &[0xff, 0xd8, 0xff, 0xe0], &whole[..whole.len() / 2], &whole[..20]] {
            assert!(small(bytes).is_none());
        }
        assert!(small(&picture(9000, 10, ImageFormat::Png)).is_none(), "wider than may be");
    }
}
