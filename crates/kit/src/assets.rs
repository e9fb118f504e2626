//! Files that a component embeds: which form of one a client takes, and the answer that carries it. The table of them is made by the
//! component's build script, with `crates/assets`.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::coding::Accepted;
use crate::representation::names;
use crate::{Answer, Problem};

/// A file, in up to three forms.
pub struct Asset {
    /// The path under which it is found.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// The first 24 hexadecimal digits of the SHA-256 of its content.
    pub etag: &'static str,
    /// Its content.
    pub identity: &'static [u8],
    /// Its content compressed with gzip, if that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// Its content compressed with brotli, if that is smaller.
    pub brotli: Option<&'static [u8]>,
}

/// So many digits of the ETag name a file's content in its path (`crates/assets` writes them).
const CONTENT_DIGITS: usize = 12;

/// All files of a component.
pub struct Assets(&'static [Asset]);

impl Assets {
    /// The table; in the order of the paths.
    pub const fn new(assets: &'static [Asset]) -> Self {
        Self(assets)
    }

    /// The file of this path.
    pub fn find(&self, path: &str) -> Option<&'static Asset> {
        self.0.binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|index| self.0.get(index))
    }

    /// The files, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &'static Asset> + use<> {
        self.0.iter()
    }

    /// Answers with the file of this path, see [`Asset::answer`]; 404 if there is none.
    ///
    /// A path may name the content as well, `lib/api.<12 digits of its ETag>.js`: what is found so never changes, and browsers keep it.
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Answer {
        if let Some(asset) = self.find(path) {
            return asset.answer(headers);
        }
        let mut answer = self.find_by_content(path).ok_or_else(|| Problem::not_found("page"))?.answer(headers)?;
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        Ok(answer)
    }

    /// The file whose content the path names before the extension.
    fn find_by_content(&self, path: &str) -> Option<&'static Asset> {
        let (rest, extension) = path.rsplit_once('.')?;
        let (stem, hash) = rest.rsplit_once('.')?;
        let asset = self.find(&format!("{stem}.{extension}"))?;
        (hash.len() == CONTENT_DIGITS && asset.etag.starts_with(hash)).then_some(asset)
    }
}

/// A content coding, by its preference where a client takes several equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// Its name in `Content-Encoding`; none for the file as it is.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

impl Asset {
    /// Answers with the file, in the smallest form that the client takes; with a 304 if it has that form already.
    pub fn answer(&self, headers: &HeaderMap) -> Answer {
        let (encoding, content) = self.negotiate(Accepted::parse(headers.get_all(ACCEPT_ENCODING).iter()));
        let etag = self.etag(encoding);
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| names(list, &etag));
        let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(content)) };
        let answer = response.headers_mut();
        if !known {
            answer.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if let Some(name) = encoding.name() {
                answer.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
        }
        answer.insert(ETAG, HeaderValue::from_str(&etag).map_err(Problem::internal)?);
        // The name does not tell the content: asked for again each time, and answered with a 304.
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
        Ok(response)
    }

    /// The strong tag of one form (RFC 9110 §8.8.3.3: forms differ, so do their tags).
    fn etag(&self, encoding: Encoding) -> String {
        match encoding.name() {
            Some(name) => format!("\"{}-{name}\"", self.etag),
            None => format!("\"{}\"", self.etag),
        }
    }

    /// The form that is asked for: the highest weight, and of equal ones the smallest.
    fn negotiate(&self, accepted: Accepted) -> (Encoding, &'static [u8]) {
        let forms = [(Encoding::Gzip, self.gzip, accepted.gzip), (Encoding::Brotli, self.brotli, accepted.brotli)];
        forms
            .into_iter()
            .filter_map(|(encoding, content, weight)| Some((weight?, encoding, content?)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map_or((Encoding::Identity, self.identity), |(_, encoding, content)| (encoding, content))
    }
}

/// Adds what a browser is to hold a page to: its content security policy, its permissions policy, and that nothing of another origin
/// shares its window or embeds it.
pub fn restrict(response: &mut Response, content_security_policy: &'static str, permissions_policy: &'static str) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, content_security_policy),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), permissions_policy),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSET: Asset =
        Asset { path: "a.js", content_type: "text/javascript", etag: "abc", identity: b"plain", gzip: Some(b"gz"), brotli: Some(b"br") };

    static ASSETS: Assets = Assets::new(&[ASSET, Asset { path: "b/c.js", ..ASSET }]);

    #[test]
    fn a_path_that_names_the_content_is_kept_for_good() {
        static NAMED: Assets = Assets::new(&[Asset { path: "lib/a.js", etag: "0123456789abcdef01234567", ..ASSET }]);
        let cache =
            |path: &str| NAMED.answer(path, &HeaderMap::new()).map(|answer| answer.headers()[CACHE_CONTROL].to_str().unwrap().to_owned());
        assert_eq!(cache("lib/a.0123456789ab.js").unwrap(), "public, max-age=31536000, immutable");
        assert_eq!(cache("lib/a.js").unwrap(), "no-cache");
        for path in ["lib/a.0123456789ac.js", "lib/a.0123456789.js", "lib/a..js", "lib/a.0123456789ab.css", "lib/b.0123456789ab.js", "a.js"]
        {
            assert_eq!(cache(path).unwrap_err().status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    fn accepted(accept: &str) -> Accepted {
        Accepted::parse(std::iter::once(&HeaderValue::from_str(accept).unwrap()))
    }

    fn chosen(accept: &str) -> Encoding {
        ASSET.negotiate(accepted(accept)).0
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_smallest_form_that_is_taken_is_chosen() {
        assert_eq!(chosen("gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(chosen("gzip"), Encoding::Gzip);
        assert_eq!(chosen("*"), Encoding::Brotli);
        assert_eq!(chosen("br;q=0, *;q=0.5"), Encoding::Gzip);
        assert_eq!(chosen("br;q=0.5, gzip;q=0.8"), Encoding::Gzip);
        assert_eq!(chosen("gzip;q=0"), Encoding::Identity);
        assert_eq!(chosen("deflate"), Encoding::Identity);
        assert_eq!(chosen("br;q=nonsense"), Encoding::Identity);
        assert_eq!(chosen(""), Encoding::Identity);
    }

    #[test]
    fn a_file_that_does_not_shrink_has_one_form() {
        let asset = Asset { gzip: None, brotli: None, ..ASSET };
        assert_eq!(asset.negotiate(accepted("gzip, br")).0, Encoding::Identity);
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        assert!(names("\"abc\"", &ASSET.etag(Encoding::Identity)));
        assert!(names("\"x\", W/\"abc-br\"", &ASSET.etag(Encoding::Brotli)));
        assert!(names("*", "\"abc\""));
        assert!(!names("\"abc\"", &ASSET.etag(Encoding::Gzip)));
    }

    #[test]
    fn a_file_is_found_by_its_path() {
        assert_eq!(ASSETS.find("b/c.js").unwrap().path, "b/c.js");
        assert!(ASSETS.find("b").is_none());
        assert_eq!(ASSETS.answer("b", &HeaderMap::new()).unwrap_err().status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_file_is_answered_compressed_and_then_not_again() {
        let answer = ASSETS.answer("a.js", &headers(&[(ACCEPT_ENCODING, "gzip, br")])).unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/javascript");
        let etag = answer.headers()[ETAG].to_str().unwrap().to_owned();

        let again = ASSETS.answer("a.js", &headers(&[(ACCEPT_ENCODING, "gzip, br"), (IF_NONE_MATCH, &etag)])).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], etag.as_str());

        let plain = ASSETS.answer("a.js", &headers(&[(IF_NONE_MATCH, &etag)])).unwrap();
        assert_eq!(plain.status(), StatusCode::OK, "another form has another tag");
    }
}
