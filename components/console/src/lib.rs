//! The console's pages: `static/`, embedded in the component, which is granted nothing but what the headers of each answer depend on.

use axum::extract::Path;
use axum::routing::get;
use http::HeaderMap;
use kit::Answer;
use kit::api::Api;
use kit::assets::restrict;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Nothing inline, nothing from elsewhere; and no string ever becomes markup (Trusted Types without a policy), so that whatever an
/// alert's text holds, it stays text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; manifest-src 'self'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The pages, which are no part of the API.
pub fn api() -> Api {
    // The edge strips the slash at the end, so this is `/console/` too; hence the page names its modules by absolute paths.
    Api::new("console", "The console's pages.").undocumented(|router| {
        router
            .route("/console", get(async |headers: HeaderMap| serve("index.html", &headers)))
            .route("/console/{*path}", get(async |Path(path): Path<String>, headers: HeaderMap| serve(&path, &headers)))
    })
}

kit::component!(api);

/// The file, with what the browser is to hold the page to.
fn serve(path: &str, headers: &HeaderMap) -> Answer {
    let mut response = ASSETS.answer(path, headers)?;
    restrict(&mut response, POLICY, "camera=(self), geolocation=(self), microphone=(), payment=()");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
    use http::{HeaderName, HeaderValue, StatusCode};

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
    fn the_table_is_in_the_order_that_is_searched() {
        assert!(ASSETS.iter().is_sorted_by_key(|asset| asset.path));
    }

    #[test]
    fn what_is_not_there_is_a_404() {
        for path in ["nothing.js", "../Cargo.toml", "", "views", "vendor/redoc/LICENSE"] {
            assert_eq!(serve(path, &HeaderMap::new()).unwrap_err().status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn nothing_in_the_page_needs_what_the_policy_refuses() {
        let page = std::str::from_utf8(ASSETS.find("index.html").unwrap().identity).unwrap();
        for inline in ["style=", "<style", "onclick", "onload", "<base", "javascript:", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.trim_start().starts_with("type=\"module\" src=\"/console/"), "{script}");
        }
    }

    #[test]
    fn each_module_that_is_named_is_there() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type.starts_with("text/javascript")) {
            let text = std::str::from_utf8(asset.identity).unwrap();
            let folder = asset.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for line in text.lines().filter(|line| line.contains(" from \"")) {
                let target = line.split(" from \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                let path = match target.strip_prefix("../") {
                    Some(path) => path.to_owned(),
                    None => [folder, target.trim_start_matches("./")].join("/").trim_start_matches('/').to_owned(),
                };
                assert!(ASSETS.find(&path).is_some(), "{}: {target}", asset.path);
            }
        }
    }

    #[test]
    fn no_string_becomes_markup() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type.starts_with("text/javascript")) {
            let text = std::str::from_utf8(asset.identity).unwrap();
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(way), "{}: {way}", asset.path);
            }
        }
    }
}
