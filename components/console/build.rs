//! Embeds `static/`, but for what other components serve of it, and names what the page loads by its content.

fn main() {
    gatehouse_assets::Files::new()
        .directory("", "../../static", &["vendor"])
        .directory("vendor/console/", "../../static/vendor/console", &[])
        .page("index.html", "/console/")
        .write();
}
