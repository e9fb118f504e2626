//! A page that names its modules and style sheets by their content.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Where a page has its import map: no browser asks for one elsewhere.
const PLACE: &str = "<!-- import map -->";

/// So many digits of the ETag tell one content from another; `kit::assets` reads as many.
const CONTENT_DIGITS: usize = 12;

/// A page as it is served.
pub struct Page {
    /// Its text.
    pub html: String,
    /// The SHA-256 of the import map's text in base64, as a content security policy names it.
    pub import_map_hash: String,
}

/// Builds the page of this name. Panics when it has no place for the import map: a build script fails so.
pub fn build(name: &str, base: &str, files: &BTreeMap<String, PathBuf>) -> Page {
    let html = String::from_utf8(super::read(&files[name])).expect("a page is UTF-8");
    let named: Vec<(String, String)> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".js") || path.ends_with(".css"))
        .map(|(path, file)| (format!("{base}{path}"), format!("{base}{}", by_content(path, &super::etag(&super::read(file))))))
        .collect();
    let (html, map) = rewrite(&html, &named);
    Page { html, import_map_hash: STANDARD.encode(Sha256::digest(map)) }
}

/// The page with these names in the place of those, and its import map.
fn rewrite(html: &str, named: &[(String, String)]) -> (String, String) {
    // Style sheets too: a page that is opened later asks for its own by `import.meta.resolve`.
    let entries: Vec<String> = named.iter().map(|(plain, by_content)| format!("{plain:?}:{by_content:?}")).collect();
    let map = format!("{{\"imports\":{{{}}}}}", entries.join(","));
    assert_eq!(html.matches(PLACE).count(), 1, "the page has one {PLACE}");
    let mut html = html.replacen(PLACE, &format!("<script type=\"importmap\">{map}</script>"), 1);
    for (plain, by_content) in named {
        // In attributes alone: the map has the plain names between quotes as well, but not after an equals sign.
        html = html.replace(&format!("=\"{plain}\""), &format!("=\"{by_content}\""));
    }
    (html, map)
}

/// `lib/api.js` → `lib/api.0123456789ab.js`.
fn by_content(path: &str, etag: &str) -> String {
    let (stem, extension) = path.rsplit_once('.').expect("it has an extension");
    format!("{stem}.{}.{extension}", &etag[..CONTENT_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_it_loads_by_its_content() {
        let named = [
            ("/c/a.css".to_owned(), "/c/a.0123456789ab.css".to_owned()),
            ("/c/lib/a.js".to_owned(), "/c/lib/a.ba9876543210.js".to_owned()),
        ];
        let page = "<!-- import map --><link href=\"/c/a.css\"><script src=\"/c/lib/a.js\"></script>";
        let (html, map) = rewrite(page, &named);
        assert_eq!(map, "{\"imports\":{\"/c/a.css\":\"/c/a.0123456789ab.css\",\"/c/lib/a.js\":\"/c/lib/a.ba9876543210.js\"}}");
        let rest = "<link href=\"/c/a.0123456789ab.css\"><script src=\"/c/lib/a.ba9876543210.js\"></script>";
        assert_eq!(html, format!("<script type=\"importmap\">{map}</script>{rest}"));
    }

    #[test]
    fn the_content_stands_before_the_extension() {
        assert_eq!(by_content("pages/admin/users.js", "0123456789abcdef01234567"), "pages/admin/users.0123456789ab.js");
    }
}
