//! A page that names its modules and style sheets by their content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha384};

use crate::join;

/// Where a page has its import map: no browser asks for one elsewhere.
const PLACE: &str = "<!-- import map -->";

/// So many digits of the ETag tell one content from another; `kit::assets` reads as many.
const CONTENT_DIGITS: usize = 12;

/// What the modules that a page preloads are joined into; libraries stay as they are.
pub const JOINED: &str = "core.js";
const LIBRARIES: &str = "vendor/";

/// A page as it is served.
pub struct Page {
    /// Its text.
    pub html: String,
    /// The modules that it preloads, joined: [`JOINED`].
    pub joined: String,
    /// The SHA-256 of the import map's text in base64, as a content security policy names it.
    pub import_map_hash: String,
}

/// A file that the page or its modules ask for.
#[derive(Clone)]
struct Named {
    /// Its address as the sources have it.
    plain: String,
    /// Its address with its content's hash in it.
    by_content: String,
    /// What a browser holds its content to (Subresource Integrity).
    integrity: String,
}

impl Named {
    fn new(base: &str, path: &str, content: &[u8]) -> Self {
        Self {
            plain: format!("{base}{path}"),
            by_content: format!("{base}{}", by_content(path, &super::etag(content))),
            integrity: format!("sha384-{}", STANDARD.encode(Sha384::digest(content))),
        }
    }
}

/// Builds the page of this name. Panics when it has no place for the import map: a build script fails so.
pub fn build(name: &str, base: &str, files: &BTreeMap<String, PathBuf>) -> Page {
    let text = |path: &str| String::from_utf8(super::read(&files[path])).expect("it is UTF-8");
    let html = text(name);
    let preloaded: BTreeMap<String, String> =
        html.lines().filter_map(|line| preloaded(line, base)).map(|path| (path.to_owned(), text(path))).collect();
    let joined = join::join(&preloaded, base);
    let core = Named::new(base, JOINED, joined.as_bytes());
    let mut named: Vec<Named> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".js") || path.ends_with(".css"))
        .map(|(path, file)| {
            if preloaded.contains_key(path) {
                Named { plain: format!("{base}{path}"), ..core.clone() }
            } else {
                Named::new(base, path, &super::read(file))
            }
        })
        .collect();
    named.push(core);
    let (html, map) = rewrite(&with_one_preload(&html, base), &named);
    Page { html, joined, import_map_hash: STANDARD.encode(Sha256::digest(map)) }
}

/// The path of the module that a line of the page preloads, if that is one of our own.
fn preloaded<'a>(line: &'a str, base: &str) -> Option<&'a str> {
    let rest = line.trim().strip_prefix("<link rel=\"modulepreload\" href=\"")?.strip_prefix(base)?;
    rest.split('"').next().filter(|path| !path.starts_with(LIBRARIES))
}

/// The page with the joined module in the place of all that it preloads.
fn with_one_preload(html: &str, base: &str) -> String {
    let mut is_named = false;
    let mut text = String::new();
    for line in html.lines() {
        match preloaded(line, base) {
            Some(_) if is_named => continue,
            Some(path) => {
                is_named = true;
                text.push_str(&line.replacen(path, JOINED, 1));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The page with these names in the place of those, and its import map. Both say what the content of each file is: a browser takes no other
/// from wherever it keeps files, which anybody who sits at the machine may have written to.
fn rewrite(html: &str, named: &[Named]) -> (String, String) {
    // Style sheets too: a page that is opened later asks for its own by `import.meta.resolve`.
    let imports: Vec<String> = named.iter().map(|Named { plain, by_content, .. }| format!("{plain:?}:{by_content:?}")).collect();
    // Once each: many modules are one file.
    let integrity: BTreeSet<String> =
        named.iter().map(|Named { by_content, integrity, .. }| format!("{by_content:?}:{integrity:?}")).collect();
    let integrity: Vec<String> = integrity.into_iter().collect();
    let map = format!("{{\"imports\":{{{}}},\"integrity\":{{{}}}}}", imports.join(","), integrity.join(","));
    assert_eq!(html.matches(PLACE).count(), 1, "the page has one {PLACE}");
    let mut html = html.replacen(PLACE, &format!("<script type=\"importmap\">{map}</script>"), 1);
    for Named { plain, by_content, integrity } in named {
        // In attributes alone: the map has the plain names between quotes as well, but not after an equals sign.
        html = html.replace(&format!("=\"{plain}\""), &format!("=\"{by_content}\" integrity=\"{integrity}\""));
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

    fn named(plain: &str, by_content: &str, integrity: &str) -> Named {
        Named { plain: plain.to_owned(), by_content: by_content.to_owned(), integrity: integrity.to_owned() }
    }

    #[test]
    fn the_page_names_what_it_loads_by_its_content() {
        let named = [
            named("/c/a.css", "/c/a.0123456789ab.css", "sha384-A"),
            named("/c/lib/a.js", "/c/core.ba9876543210.js", "sha384-B"),
            named("/c/lib/b.js", "/c/core.ba9876543210.js", "sha384-B"),
        ];
        let page = "<!-- import map --><link href=\"/c/a.css\"><script src=\"/c/lib/a.js\"></script>";
        let (html, map) = rewrite(page, &named);
        let imports = "{\"/c/a.css\":\"/c/a.0123456789ab.css\",\"/c/lib/a.js\":\"/c/core.ba9876543210.js\",\
            \"/c/lib/b.js\":\"/c/core.ba9876543210.js\"}";
        // Once each: many modules are one file.
        let integrity = "{\"/c/a.0123456789ab.css\":\"sha384-A\",\"/c/core.ba9876543210.js\":\"sha384-B\"}";
        assert_eq!(map, format!("{{\"imports\":{imports},\"integrity\":{integrity}}}"));
        let rest = "<link href=\"/c/a.0123456789ab.css\" integrity=\"sha384-A\">\
            <script src=\"/c/core.ba9876543210.js\" integrity=\"sha384-B\"></script>";
        assert_eq!(html, format!("<script type=\"importmap\">{map}</script>{rest}"));
    }

    #[test]
    fn a_file_is_held_to_its_content() {
        let file = Named::new("/c/", "lib/a.js", b"");
        assert_eq!((file.plain.as_str(), file.by_content.as_str()), ("/c/lib/a.js", "/c/lib/a.e3b0c44298fc.js"));
        assert_eq!(file.integrity, "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb");
    }

    #[test]
    fn what_is_preloaded_is_one_file() {
        let line = |path: &str| format!("<link rel=\"modulepreload\" href=\"/c/{path}\">\n");
        let page = format!("<head>\n{}  {}{}</head>\n", line("vendor/h.js"), line("lib/a.js"), line("lib/b.js"));
        let expected = format!("<head>\n{}  {}</head>\n", line("vendor/h.js"), line("core.js"));
        assert_eq!(with_one_preload(&page, "/c/"), expected);
        assert_eq!(preloaded("  <link rel=\"modulepreload\" href=\"/c/lib/a.js\">", "/c/"), Some("lib/a.js"));
        assert_eq!(preloaded("<link rel=\"stylesheet\" href=\"/c/a.css\">", "/c/"), None);
    }

    #[test]
    fn the_content_stands_before_the_extension() {
        assert_eq!(by_content("pages/admin/users.js", "0123456789abcdef01234567"), "pages/admin/users.0123456789ab.js");
    }
}
