//! Embeds `static/`, but for what other components serve of it.

fn main() {
    gatehouse_assets::Files::new().directory("", "../../static", &["vendor"]).write();
}
