//! The console's pages (contract §11): `static/`, embedded in the component, which is granted nothing.

mod asset;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kit::{Answer, Problem};

/// Nothing inline, nothing from elsewhere; and no string ever becomes markup (Trusted Types without a policy), so that whatever an
/// alert's text holds, it stays text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; manifest-src 'self'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

fn router() -> Router {
    // The edge strips the slash at the end, so this is `/console/` too; hence the page names its modules by absolute paths.
    Router::new()
        .route("/console", get(async |headers: HeaderMap| serve("index.html", &headers)))
        .route("/console/{*path}", get(async |Path(path): Path<String>, headers: HeaderMap| serve(&path, &headers)))
}

kit::component!(router);

/// The file, in the smallest form that the client takes; 304 when it has that form already.
fn serve(path: &str, headers: &HeaderMap) -> Answer {
    let asset = asset::find(path).ok_or_else(|| Problem::not_found("page"))?;
    let (encoding, content) = asset.negotiate(headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()));
    let etag = asset.etag(encoding);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| asset::names(list, &etag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(content)) };
    let answer = response.headers_mut();
    if !known {
        answer.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if let Some(name) = encoding.name() {
            answer.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
    answer.insert(ETAG, HeaderValue::from_str(&etag).map_err(Problem::internal)?);
    for (name, value) in [
        // Names carry no hash: asked for again each time, and answered with a 304.
        (CACHE_CONTROL, "no-cache"),
        (VARY, "accept-encoding"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(self), microphone=(), payment=()"),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_page_is_served_compressed_and_then_not_again() {
        let answer = serve("index.html", &headers(&[(ACCEPT_ENCODING, "gzip, br")])).unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let etag = answer.headers()[ETAG].to_str().unwrap().to_owned();

        let again = serve("index.html", &headers(&[(ACCEPT_ENCODING, "gzip, br"), (IF_NONE_MATCH, &etag)])).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], etag.as_str());

        let plain = serve("index.html", &headers(&[(IF_NONE_MATCH, &etag)])).unwrap();
        assert_eq!(plain.status(), StatusCode::OK, "another form has another tag");
    }

    #[test]
    fn what_is_not_there_is_a_404() {
        for path in ["nothing.js", "../Cargo.toml", "", "views"] {
            assert_eq!(serve(path, &HeaderMap::new()).unwrap_err().status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn nothing_in_the_page_needs_what_the_policy_refuses() {
        let page = std::str::from_utf8(asset::find("index.html").unwrap().identity).unwrap();
        for inline in ["style=", "<style", "onclick", "onload", "<base", "javascript:", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.trim_start().starts_with("type=\"module\" src=\"/console/"), "{script}");
        }
    }

    #[test]
    fn each_module_that_is_named_is_there() {
        for asset in asset::ASSETS.iter().filter(|asset| asset.content_type.starts_with("text/javascript")) {
            let text = std::str::from_utf8(asset.identity).unwrap();
            let folder = asset.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for line in text.lines().filter(|line| line.contains(" from \"")) {
                let target = line.split(" from \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                let path = match target.strip_prefix("../") {
                    Some(path) => path.to_owned(),
                    None => [folder, target.trim_start_matches("./")].join("/").trim_start_matches('/').to_owned(),
                };
                assert!(asset::find(&path).is_some(), "{}: {target}", asset.path);
            }
        }
    }

    #[test]
    fn no_string_becomes_markup() {
        for asset in asset::ASSETS.iter().filter(|asset| asset.content_type.starts_with("text/javascript")) {
            let text = std::str::from_utf8(asset.identity).unwrap();
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(way), "{}: {way}", asset.path);
            }
        }
    }
}
