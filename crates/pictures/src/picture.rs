//! The answer.

use std::marker::PhantomData;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use charts::Chart;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use kit::api::{Request, Respond, answers_json};
use kit::{Answer, Problem};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder};

use crate::look::{Look, Theme};
use crate::rendered;

/// What a picture is stored as: the path's suffix says it.
pub trait Form {
    /// Its media type.
    const MEDIA_TYPE: &'static str;
    /// Its name in paths.
    const SUFFIX: &'static str;

    /// The drawing with this hash in this form.
    fn bytes(svg: String, hash: &str) -> Answer<Bytes>;
}

/// A drawing, sharp in every size.
pub struct Svg;

/// Pixels.
pub struct Png;

impl Form for Svg {
    const MEDIA_TYPE: &'static str = "image/svg+xml";
    const SUFFIX: &'static str = "svg";

    fn bytes(svg: String, _: &str) -> Answer<Bytes> {
        Ok(svg.into())
    }
}

impl Form for Png {
    const MEDIA_TYPE: &'static str = "image/png";
    const SUFFIX: &'static str = "png";

    fn bytes(svg: String, hash: &str) -> Answer<Bytes> {
        rendered::png(hash, &svg)
    }
}

/// A picture in a document, for clients that put it into a page by themselves.
#[derive(Serialize, ToSchema)]
pub struct PictureDocument {
    /// The bytes of the picture, base64 (RFC 4648 §4).
    image: String,
    /// The same as an address: `data:image/png;base64,…`, as `<img src>` takes it.
    chart: String,
    /// The media type of the picture.
    #[schema(example = "image/png")]
    content_type: &'static str,
    /// `base64`.
    encoding: &'static str,
    /// The theme.
    theme: Theme,
    /// Pixels.
    width: u32,
}

/// The answer with a chart in this form.
pub struct Picture<F> {
    response: Response,
    form: PhantomData<F>,
}

impl<F: Form> Picture<F> {
    /// Draws the chart, unless the client's headers name what it would be.
    pub fn of(chart: &Chart, look: &Look, headers: &HeaderMap) -> Answer<Self> {
        let svg = chart.svg(look.of_chart());
        let digest = Sha256::digest(svg.as_bytes());
        let hash = const_hex::encode(digest.get(..12).unwrap_or_default());
        // Weak: the compressed form is another sequence of bytes.
        let tag = format!("W/\"{hash}-{}{}\"", F::SUFFIX, if look.is_document() { "-base64" } else { "" });
        let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut response = if lists.into_iter().any(|list| kit::representation::names(list, &tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let bytes = F::bytes(svg, &hash)?;
            if look.is_document() { Json(PictureDocument::new::<F>(&bytes, look)).into_response() } else { plain::<F>(bytes) }
        };
        response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).map_err(Problem::internal)?);
        // Of this caller alone, and asked for again each time: with a 304 where nothing has changed.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(Self { response, form: PhantomData })
    }
}

fn plain<F: Form>(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(F::MEDIA_TYPE));
    response
}

impl PictureDocument {
    fn new<F: Form>(bytes: &[u8], look: &Look) -> Self {
        let image = STANDARD.encode(bytes);
        Self {
            chart: format!("data:{};base64,{image}", F::MEDIA_TYPE),
            image,
            content_type: F::MEDIA_TYPE,
            encoding: "base64",
            theme: look.theme(),
            width: look.width(),
        }
    }
}

impl<F> IntoResponse for Picture<F> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<F: Form> Respond for Picture<F> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<PictureDocument>(request, 200, "The picture; in a document with `encoding=base64`.");
        if let Some(RefOr::T(response)) = request.operation.responses.responses.get_mut("200") {
            let picture = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
            response.content.insert(F::MEDIA_TYPE.to_owned(), RefOr::T(picture));
        }
        request.answers(304, ResponseBuilder::new().description("`If-None-Match` names the picture as it is.").build());
    }
}

#[cfg(test)]
mod tests {
    use charts::{Axis, Bars};
    use futures::executor::block_on;
    use serde_json::Value;

    use super::*;

    fn answer<F: Form>(query: &str, known: Option<&str>) -> Response {
        let look = kit::input::parse_query::<Look>(query, 0).unwrap();
        let mut headers = HeaderMap::new();
        headers.extend(known.map(|known| (IF_NONE_MATCH, HeaderValue::from_str(known).unwrap())));
        let chart = Chart::Bars(Bars { measure: Axis::new("People"), ..Bars::default() });
        Picture::<F>::of(&chart, &look, &headers).unwrap().into_response()
    }

    fn body(response: Response) -> Vec<u8> {
        block_on(axum::body::to_bytes(response.into_body(), usize::MAX)).unwrap().to_vec()
    }

    fn tag(response: &Response) -> String {
        response.headers()[ETAG].to_str().unwrap().to_owned()
    }

    #[test]
    fn each_form_has_its_media_type() {
        let (svg, png) = (answer::<Svg>("", None), answer::<Png>("", None));
        assert!(svg.headers()[CONTENT_TYPE] == "image/svg+xml" && png.headers()[CONTENT_TYPE] == "image/png");
        assert!(body(svg).starts_with(b"<svg") && body(png).starts_with(b"\x89PNG"));
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let first = answer::<Png>("", None);
        let again = answer::<Png>("", Some(&tag(&first)));
        assert_eq!((again.status(), tag(&again)), (StatusCode::NOT_MODIFIED, tag(&first)));
        assert!(body(again).is_empty());
        for other in ["theme=dark", "width=640", "encoding=base64"] {
            assert_eq!(answer::<Png>(other, Some(&tag(&first))).status(), StatusCode::OK, "{other}");
        }
        assert_eq!(answer::<Svg>("", Some(&tag(&first))).status(), StatusCode::OK, "another form");
    }

    #[test]
    fn a_document_has_the_bytes_of_the_picture() {
        let document: Value = serde_json::from_slice(&body(answer::<Png>("encoding=base64&width=640&theme=dark", None))).unwrap();
        let picture = body(answer::<Png>("width=640&theme=dark", None));
        assert_eq!(STANDARD.decode(document["image"].as_str().unwrap()).unwrap(), picture);
        assert_eq!(document["chart"].as_str().unwrap().strip_prefix("data:image/png;base64,"), document["image"].as_str());
        assert_eq!((&document["content_type"], &document["width"], &document["theme"]), (&"image/png".into(), &640.into(), &"dark".into()));
    }
}
