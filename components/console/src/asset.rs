//! The embedded files, and which form of one a client takes.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of `static/`, in up to three forms.
pub(crate) struct Asset {
    /// Its path under `static/`.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    /// The first 24 hexadecimal digits of the SHA-256 of its content.
    etag: &'static str,
    pub(crate) identity: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// A content coding, by its preference where a client takes several equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// Its name in `Content-Encoding`; none for the file as it is.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// The file of this path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|index| ASSETS.get(index))
}

impl Asset {
    /// The strong tag of one form (RFC 9110 §8.8.3.3: forms differ, so do their tags).
    pub(crate) fn etag(&self, encoding: Encoding) -> String {
        match encoding.name() {
            Some(name) => format!("\"{}-{name}\"", self.etag),
            None => format!("\"{}\"", self.etag),
        }
    }

    /// The form that these `Accept-Encoding` values ask for: the highest weight, and of equal ones the smallest.
    pub(crate) fn negotiate<'a>(&self, accept: impl Iterator<Item = &'a str>) -> (Encoding, &'static [u8]) {
        let mut weights = [None::<f32>; 2];
        let mut any = None;
        for part in accept.flat_map(|value| value.split(',')) {
            let mut parameters = part.split(';').map(str::trim);
            let coding = parameters.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parameters
                .find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
                .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            match coding.as_str() {
                "gzip" | "x-gzip" => weights[0] = Some(weight),
                "br" => weights[1] = Some(weight),
                "*" => any = Some(weight),
                _ => {}
            }
        }
        let forms = [(Encoding::Gzip, self.gzip, weights[0]), (Encoding::Brotli, self.brotli, weights[1])];
        forms
            .into_iter()
            .filter_map(|(encoding, content, weight)| Some((weight.or(any)?, encoding, content?)))
            .filter(|(weight, ..)| *weight > 0.0)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map_or((Encoding::Identity, self.identity), |(_, encoding, content)| (encoding, content))
    }
}

/// Whether an `If-None-Match` list names this tag; weak comparison, as RFC 9110 §13.1.2 asks for.
pub(crate) fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSET: Asset =
        Asset { path: "a.js", content_type: "text/javascript", etag: "abc", identity: b"plain", gzip: Some(b"gz"), brotli: Some(b"br") };

    fn chosen(accept: &str) -> Encoding {
        ASSET.negotiate(std::iter::once(accept)).0
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
        assert_eq!(asset.negotiate(std::iter::once("gzip, br")).0, Encoding::Identity);
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        assert!(names("\"abc\"", &ASSET.etag(Encoding::Identity)));
        assert!(names("\"x\", W/\"abc-br\"", &ASSET.etag(Encoding::Brotli)));
        assert!(names("*", "\"abc\""));
        assert!(!names("\"abc\"", &ASSET.etag(Encoding::Gzip)));
    }

    #[test]
    fn the_table_is_in_the_order_that_is_searched() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
        assert!(find("index.html").is_some());
    }
}
