//! The ticket as a picture: GET `/api/bookings/{id}/qr.svg` and `.png`.

use std::io::Write as _;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use flate2::{Compression, Crc, write::ZlibEncoder};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use kit::caller::{Caller, SignedIn};
use kit::{Answer, Problem};
use qrcode::{Color, EcLevel, QrCode};

use crate::lists;
use crate::ticket;

/// The white border that readers need, in modules (ISO/IEC 18004).
const QUIET: usize = 4;
/// A module's side in the PNG, pixels.
const SCALE: usize = 8;

/// The modules, dark or not, with the border.
struct Modules {
    side: usize,
    dark: Vec<bool>,
}

impl Modules {
    fn of(text: &str) -> Result<Self, Problem> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Problem::internal)?;
        let (inner, side) = (code.width(), code.width() + 2 * QUIET);
        let colors = code.to_colors();
        let is_dark = |x: usize, y: usize| {
            let (x, y) = (x.checked_sub(QUIET)?, y.checked_sub(QUIET)?);
            (x < inner).then(|| colors.get(y * inner + x)).flatten()
        };
        let dark = (0..side * side).map(|at| is_dark(at % side, at / side) == Some(&Color::Dark)).collect();
        Ok(Self { side, dark })
    }

    /// Lines of modules from top to bottom.
    fn lines(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks(self.side)
    }
}

/// One path, a rectangle for each run of dark modules.
fn draw_svg(modules: &Modules, title: &str) -> String {
    let side = modules.side;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img"><title>{title}</title><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d=""##
    );
    for (y, line) in modules.lines().enumerate() {
        let mut x = 0;
        for run in line.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                svg.push_str(&format!("M{x} {y}h{}v1H{x}z", run.len()));
            }
            x += run.len();
        }
    }
    svg.push_str(r#""/></svg>"#);
    svg
}

/// A PNG of one bit a pixel (ISO/IEC 15948): header, one compressed block of lines, end.
fn draw_png(modules: &Modules) -> Result<Vec<u8>, Problem> {
    let pixels = modules.side * SCALE;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for line in modules.lines() {
        // Filter 0, then a bit for each pixel, 1 for white.
        let mut row = vec![0];
        row.extend(line.iter().map(|dark| if *dark { 0 } else { 0xff }));
        for _ in 0..SCALE {
            packed.write_all(&row).map_err(Problem::internal)?;
        }
    }
    let packed = packed.finish().map_err(Problem::internal)?;
    let side = u32::try_from(pixels).map_err(Problem::internal)?.to_be_bytes();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &[&side[..], &side[..], &[1, 0, 0, 0, 0]].concat())?;
    chunk(&mut png, *b"IDAT", &packed)?;
    chunk(&mut png, *b"IEND", &[])?;
    Ok(png)
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Result<(), Problem> {
    png.extend(u32::try_from(data.len()).map_err(Problem::internal)?.to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
    Ok(())
}

/// The ticket's text and the booking's code; 404 when there is no ticket, or it is not the caller's to see.
async fn ticket(caller: &Caller<SignedIn>, id: &str) -> Result<(Modules, String), Problem> {
    let keys = ticket::keys().await?;
    let booking = lists::visible(&caller.0, id)?;
    let text = booking
        .ticket_text(&keys)?
        .ok_or_else(|| Problem::conflict(format!("the booking is {}: it has no ticket", booking.status.into_str())).because("no_ticket"))?;
    Ok((Modules::of(&text)?, booking.code))
}

fn picture(kind: &'static str, body: impl IntoResponse) -> Response {
    // It lets people in: no cache but the pilgrim's own keeps it.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, no-store")], body).into_response()
}

/// As SVG.
pub async fn svg(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Response> {
    let (modules, code) = ticket(&caller, &id).await?;
    Ok(picture("image/svg+xml", draw_svg(&modules, &format!("Ticket {code}"))))
}

/// As PNG.
pub async fn png(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Response> {
    let (modules, _) = ticket(&caller, &id).await?;
    Ok(picture("image/png", draw_png(&modules)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_is_white_and_the_corner_dark() {
        let modules = Modules::of("GHT1.test").unwrap();
        let lines: Vec<_> = modules.lines().collect();
        assert_eq!(lines.len(), modules.side);
        assert!(lines[..QUIET].iter().all(|line| line.iter().all(|dark| !dark)));
        assert!(lines[QUIET][QUIET..QUIET + 7].iter().all(|dark| *dark));
        assert!(!lines[QUIET][QUIET + 7]);
        let svg = draw_svg(&modules, "x");
        assert!(svg.contains(&format!("M{QUIET} {QUIET}h7v1H{QUIET}z")), "{svg}");
        let png = draw_png(&modules).unwrap();
        assert_eq!(png[16..24], [[0, 0, 0, 232], [0, 0, 0, 232]].concat()[..]);
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}
