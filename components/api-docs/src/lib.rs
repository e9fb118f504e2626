//! The API document (OpenAPI 3.1, `docs/reference/openapi.json`), two pages that show it, Swagger UI and ReDoc, and the document of the event
//! feed (AsyncAPI 3, `docs/reference/asyncapi.json`): all of it embedded in the component, which has no store and calls nobody.

use axum::extract::Path;
use axum::routing::get;
use http::HeaderMap;
use kit::Answer;
use kit::api::Api;
use kit::assets::restrict;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What both pages are held to: no inline script, nothing from elsewhere; what the document's text holds never becomes a script
/// (Trusted Types, see `assets/trusted-types.js`; DOMPurify is part of both). The icons of their style sheets are `data:` images.
macro_rules! policy {
    ($($further:literal),*) => {
        concat!(
            "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default dompurify",
            $("; ", $further),*
        )
    };
}

const SWAGGER_UI: &str = policy!("style-src 'self'");

/// ReDoc styles its page through the CSSOM of `style` elements that are empty, which the first hash stands for; the second is that of
/// the scroll bar's styles in its bundle. Its search runs in a worker that the bundle makes from a string.
const REDOC: &str = policy!(
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    "worker-src blob:"
);

/// What neither the document nor a file that a page loads needs, when it is opened by itself.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The document and its pages, which are no part of what the document describes.
pub fn api() -> Api {
    let document = async |headers: HeaderMap| serve("openapi.json", NOTHING, &headers);
    let events = async |headers: HeaderMap| serve("asyncapi.json", NOTHING, &headers);
    let swagger_ui = async |headers: HeaderMap| serve("swagger-ui.html", SWAGGER_UI, &headers);
    let redoc = async |headers: HeaderMap| serve("redoc.html", REDOC, &headers);
    let asset = async |Path(path): Path<String>, headers: HeaderMap| serve(&format!("assets/{path}"), NOTHING, &headers);
    Api::new("api-docs", "The API document and two pages that show it.").undocumented(|router| {
        router
            .route("/api/openapi.json", get(document))
            .route("/api/docs/schema", get(document))
            .route("/api/asyncapi.json", get(events))
            .route("/api/docs", get(swagger_ui))
            .route("/api/docs/swagger", get(swagger_ui))
            .route("/api/redoc", get(redoc))
            .route("/api/docs/redoc", get(redoc))
            .route("/api/docs/assets/{*path}", get(asset))
    })
}

kit::component!(api);

/// The file of this path, with what the browser is to hold it to.
fn serve(path: &str, policy: &'static str, headers: &HeaderMap) -> Answer {
    let mut response = ASSETS.answer(path, headers)?;
    restrict(&mut response, policy, "camera=(), geolocation=(), microphone=(), payment=()");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> &'static str {
        std::str::from_utf8(ASSETS.find(path).unwrap().identity).unwrap()
    }

    #[test]
    fn nothing_in_the_pages_needs_what_their_policies_refuse() {
        for page in ["swagger-ui.html", "redoc.html"] {
            for inline in ["style=", "<style", "onclick", "onload", "<base", "javascript:", "http://", "https://"] {
                assert!(!text(page).contains(inline), "{page}: {inline}");
            }
            for script in text(page).split("<script").skip(1) {
                assert!(script.starts_with(" src=\"/api/docs/assets/"), "{page}: {script}");
            }
        }
    }

    #[test]
    fn what_the_pages_load_is_there() {
        for page in ["swagger-ui.html", "redoc.html"] {
            for address in text(page).split('"').filter(|part| part.starts_with("/api/docs/")) {
                let path = address.trim_start_matches("/api/docs/");
                assert!(ASSETS.find(path).is_some(), "{page}: {address}");
            }
        }
    }

    #[test]
    fn the_licences_of_what_is_served_are_served() {
        for path in ["swagger-ui/LICENSE", "swagger-ui/NOTICE", "swagger-ui/swagger-ui-bundle.js.LICENSE.txt", "redoc/LICENSE"] {
            assert!(!text(&format!("assets/{path}")).is_empty());
        }
    }
}
