//! A plan's picture.

use axum::Json;
use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use imagesize::{ImageSize, ImageType};
use kit::api::{Describe, Request as Operation};
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{Code, Input, Text};
use kit::representation::names;
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, Problem, params, sites};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::plain;
use crate::plan::{FloorPlan, PlanOf, not_found};
use crate::spots::MAX_COORDINATE;
use crate::svg;

/// The largest picture, bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The longest side of a picture of pixels.
const MAX_PIXELS: usize = 10_000;

/// The most pixels of one, all of which a browser holds at four bytes each.
pub const MAX_AREA: usize = 50_000_000;

const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";
const JPEG: &str = "image/jpeg";

/// What a browser is held to that opens the picture by itself: it shows itself, and does nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'";

/// A picture as it is served.
struct Picture {
    media_type: &'static str,
    bytes: Vec<u8>,
    width: f64,
    height: f64,
}

/// A picture as it was sent.
pub struct Upload(Picture);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let media_type = [SVG, PNG, JPEG].into_iter().find(|known| essence.eq_ignore_ascii_case(known));
        let media_type = media_type.ok_or_else(|| Problem::media_type("send image/svg+xml, image/png or image/jpeg"))?;
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BYTES).await;
        let bytes = bytes.map_err(|_| Problem::too_large("a floor plan has at most 1 MiB"))?;
        Picture::read(media_type, &bytes).map(Self).map_err(|fault| Problem::invalid_field("picture", fault))
    }
}

impl Describe for Upload {
    fn describe(request: &mut Operation<'_>) {
        let example = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"100\"><rect width=\"200\" height=\"100\"/></svg>";
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for (media_type, example) in [(SVG, example), (PNG, "the bytes of a picture"), (JPEG, "the bytes of a picture")] {
            let schema = ObjectBuilder::new().schema_type(Type::String).description(Some("The picture, at most 1 MiB."));
            body = body.content(media_type, ContentBuilder::new().schema(Some(schema)).example(Some(example.into())).build());
        }
        request.operation.request_body = Some(RefOr::T(body.build()));
        request.refuses(413, "The picture is larger than is taken.");
        request.refuses(415, "The body is none of these by its `Content-Type`.");
        request.refuses(422, "It is not such a picture, or one that is not taken: `errors` says why.");
    }
}

/// Whether a browser can show a picture of pixels of this size.
pub fn is_bounded(size: ImageSize) -> bool {
    let is_side = |pixels: usize| (1..=MAX_PIXELS).contains(&pixels);
    is_side(size.width) && is_side(size.height) && size.width.saturating_mul(size.height) <= MAX_AREA
}

impl Picture {
    /// The error says what is wrong with it.
    fn read(media_type: &'static str, bytes: &[u8]) -> Result<Self, String> {
        if media_type == SVG {
            let text = std::str::from_utf8(bytes).map_err(|_| "is not in UTF-8".to_owned())?;
            let drawing = svg::clean(text)?;
            let most = MAX_COORDINATE as f64;
            if drawing.width > most || drawing.height > most {
                return Err(format!("is larger than {MAX_COORDINATE} units"));
            }
            return Ok(Self { media_type, bytes: drawing.text.into_bytes(), width: drawing.width, height: drawing.height });
        }
        let is_as_said = match imagesize::image_type(bytes) {
            Ok(ImageType::Png) => media_type == PNG,
            Ok(ImageType::Jpeg) => media_type == JPEG,
            _ => false,
        };
        let plain = plain::of(bytes).filter(|_| is_as_said);
        let sized = plain.and_then(|plain| Some((imagesize::blob_size(&plain.bytes).ok()?, plain)));
        let (size, plain) = sized.ok_or_else(|| format!("is not {media_type}"))?;
        if !is_bounded(size) {
            return Err(format!("has more than {MAX_PIXELS} pixels on a side, or {MAX_AREA} in all, or none"));
        }
        let side = |pixels: usize| u32::try_from(pixels).map_or(f64::from(u32::MAX), f64::from);
        let (mut width, mut height) = (side(size.width), side(size.height));
        if plain.is_on_its_side {
            (width, height) = (height, width);
        }
        Ok(Self { media_type, bytes: plain.bytes, width, height })
    }

    /// The first 128 bits of its SHA-256, in hexadecimal.
    fn etag(&self) -> String {
        let mut hash = const_hex::encode(Sha256::digest(&self.bytes));
        hash.truncate(32);
        hash
    }
}

const REPLACE: &str = "insert into floor_plans (site, zone, media_type, picture, width, height, etag, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)
     on conflict (site, zone) do update set media_type = ?3, picture = ?4, width = ?5, height = ?6, etag = ?7, updated_at = ?8, updated_by = ?9";

/// Uploads the floor plan of a site, or of one of its zones: an SVG, PNG or JPEG of at most 1 MiB.
///
/// An SVG is written anew: shapes, texts and pictures that are in it stay, scripts and what leads elsewhere are gone. Of a PNG or JPEG the pixels
/// stay as they are; what else the file tells (place, time, camera, comments) is gone. In place of an earlier plan of another size, spots stay
/// where they are in proportion.
#[utoipa::path(put, path = "/api/sites/{site}/plan/picture")]
pub async fn replace(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    Query(of): Query<PlanOf>,
    Upload(picture): Upload,
) -> Answer<Json<FloorPlan>> {
    let zone = of.zone();
    db::transaction(|db| {
        sites::require_in_path(db, &site, "site")?;
        // As the zone itself is written.
        let known: Option<String> = match zone {
            "" => Some(String::new()),
            _ => db.fetch_scalar("select zone from plan_zones where site = ? and zone = ?", params![&site, zone])?,
        };
        let zone = known.ok_or_else(|| Problem::invalid_field("zone", "is not a zone of this site"))?;
        let etag = picture.etag();
        let Picture { media_type, bytes, width, height } = picture;
        db.run(REPLACE, params![&site, &zone, media_type, bytes, width, height, etag, now, &caller.0.id])?;
        FloorPlan::find(db, &site, &zone).map(Json)
    })
}

/// Which picture of a site.
#[derive(Input)]
pub struct PictureOf {
    /// The code of the zone that is drawn; the whole site without it.
    zone: Option<Code>,
    /// The version that the plan names in the picture's address, so that it may be kept for good.
    v: Option<Text<1, 64>>,
}

#[derive(FromRow)]
struct Served {
    media_type: String,
    picture: Vec<u8>,
    etag: String,
}

/// Returns the picture of a floor plan.
///
/// By the address that the plan names it may be kept for good; without its version it is asked for anew, with `If-None-Match`.
#[utoipa::path(
    get,
    path = "/api/sites/{site}/plan/picture",
    responses(
        (status = 200, description = "The picture.", content((String = "image/svg+xml"), (String = "image/png"), (String = "image/jpeg"))),
        (status = 304, description = "It is the one that the client has."),
    )
)]
pub async fn read(Path(site): Path<String>, Query(of): Query<PictureOf>, headers: HeaderMap) -> Answer<Response> {
    let found = "select media_type, picture, etag from floor_plans where site = ? and zone = ?";
    let Served { media_type, picture, etag } =
        Database.fetch_optional(found, params![&site, of.zone.as_deref().unwrap_or_default()])?.ok_or_else(not_found)?;
    let tag = format!("\"{etag}\"");
    let is_known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| names(list, &tag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { picture.into_response() };
    let kept = if of.v.as_deref() == Some(etag.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let answer = response.headers_mut();
    for (name, value) in [(CONTENT_TYPE, media_type.as_str()), (CACHE_CONTROL, kept), (ETAG, &tag), (CONTENT_SECURITY_POLICY, POLICY)] {
        answer.insert(name, HeaderValue::from_str(value).map_err(Problem::internal)?);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_it_says() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x10\x08\x06\0\0\0\0\0\0\0";
        let read = Picture::read(PNG, png).unwrap();
        assert_eq!((read.width, read.height, read.etag().len()), (32.0, 16.0, 32));
        assert!(Picture::read(JPEG, png).is_err());
        assert!(Picture::read(SVG, png).is_err());
        for no_picture in [&b""[..], b"\x89PNG", b"<html>", b"\xff\xd8\xff"] {
            assert!(Picture::read(PNG, no_picture).is_err() && Picture::read(JPEG, no_picture).is_err());
        }
        let mut huge = png.to_vec();
        huge[16] = 0x7f;
        assert!(Picture::read(PNG, &huge).is_err());
        // 8,192 by 8,192.
        let mut square = png.to_vec();
        (square[18], square[19], square[22], square[23]) = (0x20, 0, 0x20, 0);
        assert!(Picture::read(PNG, &square).is_err(), "a few bytes would take a browser 256 MiB");
    }
}
