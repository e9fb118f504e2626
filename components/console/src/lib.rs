//! The console's pages: `static/`, embedded in the component, which is granted nothing but what the headers of each answer depend on.

use axum::extract::Path;
use axum::routing::get;
use const_format::concatcp;
use http::HeaderMap;
use kit::Answer;
use kit::api::Api;
use kit::assets::restrict;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Nothing inline but the import map, by its hash; nothing from elsewhere; and no string ever becomes markup (Trusted Types), so that whatever
/// an alert's text holds, it stays text. The one policy of Trusted Types gives the address of the service worker, and nothing else.
const POLICY: &str = concatcp!(
    "default-src 'none'; script-src 'self' ",
    IMPORT_MAP,
    "; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; font-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'; manifest-src 'self'; \
    require-trusted-types-for 'script'; trusted-types gatehouse"
);

/// The pages, which are no part of the API.
pub fn api() -> Api {
    // The edge strips the slash at the end, so this is `/console/` too; hence the page names its modules by absolute paths.
    Api::new("console", "The console's pages.").undocumented(|router| {
        router
            .route("/console", get(async |headers: HeaderMap| serve("index.html", &headers)))
            .route("/console/{*path}", get(async |Path(path): Path<String>, headers: HeaderMap| serve(file_of(&path), &headers)))
    })
}

kit::component!(api);

/// The file of a path under `/console/`. Pages of a site (`s/somnath/crowd`), of an account (`account/register`) and what Stripe's page leads back
/// to (`reservations/{id}`) are all the one page: its script reads the address, and says so when it names nothing.
fn file_of(path: &str) -> &str {
    match path.split_once('/') {
        Some(("s" | "account" | "reservations", _)) => "index.html",
        _ => path,
    }
}

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
    fn an_address_of_a_page_is_the_page() {
        for path in ["s/somnath/crowd", "s/all/overview", "s/somnath/devices/PARK-B1-S005", "account/register", "reservations/0193"] {
            assert_eq!(file_of(path), "index.html", "{path}");
        }
        for path in ["index.html", "sw.js", "lib/api.js", "s", "account", "styles/tokens.css"] {
            assert_eq!(file_of(path), path);
        }
    }

    #[test]
    fn what_the_page_loads_is_named_by_its_content_and_kept() {
        let page = std::str::from_utf8(ASSETS.find("index.html").unwrap().identity).unwrap();
        let named: Vec<&str> = page.split('"').filter(|text| text.starts_with("/console/") && text.ends_with(".js")).collect();
        assert!(named.iter().any(|path| path.starts_with("/console/app.")), "{named:?}");
        for path in page.split("=\"/console/").skip(1).filter_map(|rest| rest.split('"').next()) {
            if path.ends_with(".js") || path.ends_with(".css") {
                let answer = serve(path, &HeaderMap::new()).unwrap();
                assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable", "{path}");
            }
        }
        assert!(POLICY.contains(IMPORT_MAP) && IMPORT_MAP.starts_with("'sha256-"));
    }

    #[test]
    fn the_table_is_in_the_order_that_is_searched() {
        assert!(ASSETS.iter().is_sorted_by_key(|asset| asset.path));
    }

    #[test]
    fn what_is_not_there_is_a_404() {
        for path in ["nothing.js", "../Cargo.toml", "", "views", "vendor/redoc/LICENSE", "s", "account"] {
            assert_eq!(serve(path, &HeaderMap::new()).unwrap_err().status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn nothing_in_the_page_needs_what_the_policy_refuses() {
        let page = std::str::from_utf8(ASSETS.find("index.html").unwrap().identity).unwrap();
        for inline in ["style=", "<style", "onclick", "onload", "<base", "javascript:", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        let scripts = page.split("<script").skip(1).filter(|script| !script.starts_with(" type=\"importmap\">"));
        for script in scripts {
            assert!(script.trim_start().starts_with("type=\"module\" src=\"/console/"), "{script}");
        }
    }

    /// The modules, but for libraries, which are as their packages have them.
    fn own_modules() -> impl Iterator<Item = (&'static str, &'static str)> {
        ASSETS
            .iter()
            .filter(|asset| asset.content_type.starts_with("text/javascript") && !asset.path.starts_with("vendor/"))
            .map(|asset| (asset.path, std::str::from_utf8(asset.identity).unwrap()))
    }

    /// What `target` names, seen from the module at `path`.
    fn resolve(path: &str, target: &str) -> String {
        let mut folders: Vec<&str> = path.split('/').collect();
        folders.pop();
        for part in target.split('/') {
            match part {
                "." => {}
                ".." => assert!(folders.pop().is_some(), "{path}: {target}"),
                name => folders.push(name),
            }
        }
        folders.join("/")
    }

    #[test]
    fn each_module_that_is_named_is_there() {
        for (path, text) in own_modules() {
            let named = text.split(" from \"").skip(1).chain(text.split("import(\"").skip(1));
            for target in named.filter_map(|rest| rest.split('"').next()).filter(|target| target.starts_with('.')) {
                assert!(ASSETS.find(&resolve(path, target)).is_some(), "{path}: {target}");
            }
        }
    }

    #[test]
    fn no_string_becomes_markup() {
        for (path, text) in own_modules() {
            let ways = [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "dangerouslySetInnerHTML",
                "srcdoc",
                "setHTMLUnsafe",
            ];
            for way in ways {
                assert!(!text.contains(way), "{path}: {way}");
            }
        }
    }
}
