//! Embeds the API document, the two pages and what they load.

use std::path::Path;

/// ReDoc's sidebar loads a picture from here, which no option turns off. With an empty address it hides the picture.
const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";

fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    let bundle = std::fs::read_to_string("../../static/vendor/redoc/redoc.standalone.js").expect("the bundle can be read");
    assert_eq!(bundle.matches(LOGO).count(), 1, "where does this version of ReDoc have its logo from?");
    let redoc = Path::new(&out).join("redoc.standalone.js");
    let bundle = bundle.replace(LOGO, "");
    // Written anew it would be newer than what is made of it, and Cargo would build that at each call.
    if std::fs::read_to_string(&redoc).ok().as_ref() != Some(&bundle) {
        std::fs::write(&redoc, bundle).expect("OUT_DIR can be written");
    }

    gatehouse_assets::Files::new()
        .file("openapi.json", "../../docs/reference/openapi.json")
        .file("asyncapi.json", "../../docs/reference/asyncapi.json")
        .directory("", "pages", &[])
        .directory("assets/", "assets", &[])
        .file("assets/favicon.svg", "../../static/favicon.svg")
        .directory("assets/swagger-ui/", "../../static/vendor/swagger-ui", &[])
        .directory("assets/redoc/", "../../static/vendor/redoc", &["redoc.standalone.js"])
        .file("assets/redoc/redoc.standalone.js", redoc)
        .write();
}
