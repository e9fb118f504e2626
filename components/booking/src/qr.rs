//! The ticket as a QR code.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use kit::caller::{Caller, SignedIn};
use kit::db::Database;
use kit::request::Now;
use kit::{Answer, Problem};
use png::{BitDepth, ColorType, Encoder, EncodingError};
use qrcode::render::{Canvas, Pixel, svg};
use qrcode::{Color, EcLevel, QrCode};

use crate::model::Booking;
use crate::picture_address::{self, PictureAddress};
use crate::ticket;

/// A pixel of a PNG; true is white.
#[derive(Clone, Copy)]
struct Bit(bool);

/// The pixels of a PNG, one bit each, lines padded to whole bytes.
struct Bitmap {
    width: u32,
    height: u32,
    line_bytes: usize,
    bits: Vec<u8>,
}

impl Pixel for Bit {
    type Image = Result<Vec<u8>, EncodingError>;
    type Canvas = Bitmap;

    fn default_color(color: Color) -> Self {
        Self(color == Color::Light)
    }
}

impl Canvas for Bitmap {
    type Pixel = Bit;
    type Image = Result<Vec<u8>, EncodingError>;

    fn new(width: u32, height: u32, _dark: Bit, light: Bit) -> Self {
        let line_bytes = width.div_ceil(8) as usize;
        let bits = vec![if light.0 { 0xff } else { 0 }; line_bytes * height as usize];
        Self { width, height, line_bytes, bits }
    }

    fn draw_dark_pixel(&mut self, x: u32, y: u32) {
        if let Some(byte) = self.bits.get_mut(y as usize * self.line_bytes + (x / 8) as usize) {
            *byte &= !(0x80 >> (x % 8));
        }
    }

    fn into_image(self) -> Self::Image {
        let mut image = Vec::new();
        let mut encoder = Encoder::new(&mut image, self.width, self.height);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::One);
        encoder.write_header()?.write_image_data(&self.bits)?;
        Ok(image)
    }
}

fn encode(text: &str) -> Result<QrCode, Problem> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(Problem::internal)
}

/// An SVG element, to stand in a page as well as alone: without the XML declaration, and with a title for those who do not see it.
fn draw_svg(code: &QrCode, title: &str) -> String {
    let svg = code.render::<svg::Color>().build();
    let element = svg.find("<svg").map_or(svg.as_str(), |start| &svg[start..]);
    element.replacen("><rect", &format!(" role=\"img\"><title>{title}</title><rect"), 1)
}

fn draw_png(code: &QrCode) -> Result<Vec<u8>, Problem> {
    code.render::<Bit>().build().map_err(Problem::internal)
}

/// The ticket of a booking that the caller may see, or whoever has the address; and the booking's code.
async fn ticket(
    caller: Result<Caller<SignedIn>, Problem>,
    id: &str,
    address: &PictureAddress,
    now: i64,
) -> Result<(QrCode, String), Problem> {
    let keys = ticket::keys().await?;
    let booking = if address.is_signed() {
        let found = Booking::find(&Database, id)?.filter(|booking| address.admits(&keys, booking, now));
        found.ok_or_else(picture_address::refused)?
    } else {
        Booking::visible_to(&caller?.0, id)?
    };
    let text = booking
        .ticket_text(&keys)?
        .ok_or_else(|| Problem::conflict(format!("the booking is {}: it has no ticket", booking.status.into_str())).because("no_ticket"))?;
    Ok((encode(&text)?, booking.booking_code))
}

fn picture(media_type: &'static str, body: impl IntoResponse) -> Response {
    // It lets people in: no cache but the pilgrim's own keeps it.
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "private, no-store")], body).into_response()
}

/// Returns the QR code of a booking's ticket as SVG, to its owner, to operators, and to who has its signed address.
#[utoipa::path(
    get,
    path = "/api/bookings/{id}/qr.svg",
    responses(
        (status = 200, description = "The picture.", content_type = "image/svg+xml", body = String),
        (status = 403, description = "The signed address is not good, or not any more."),
        (status = 409, description = "The booking has no ticket (any more): `reason` is `no_ticket`."),
    )
)]
pub async fn svg(
    caller: Result<Caller<SignedIn>, Problem>,
    Now(now): Now,
    Path(id): Path<String>,
    address: PictureAddress,
) -> Answer<Response> {
    let (code, booking_code) = ticket(caller, &id, &address, now).await?;
    Ok(picture("image/svg+xml", draw_svg(&code, &format!("Ticket {booking_code}"))))
}

/// Returns the QR code of a booking's ticket as PNG, to its owner, to operators, and to who has its signed address.
#[utoipa::path(
    get,
    path = "/api/bookings/{id}/qr.png",
    responses(
        (status = 200, description = "The picture.", content_type = "image/png", body = String),
        (status = 403, description = "The signed address is not good, or not any more."),
        (status = 409, description = "The booking has no ticket (any more): `reason` is `no_ticket`."),
    )
)]
pub async fn png(
    caller: Result<Caller<SignedIn>, Problem>,
    Now(now): Now,
    Path(id): Path<String>,
    address: PictureAddress,
) -> Answer<Response> {
    let (code, _) = ticket(caller, &id, &address, now).await?;
    Ok(picture("image/png", draw_png(&code)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The white border that readers need, in modules (ISO/IEC 18004), and a module's side, in pixels.
    const QUIET: usize = 4;
    const SCALE: usize = 8;

    #[test]
    fn the_svg_is_one_element_with_a_title() {
        let svg = draw_svg(&encode("GHT1.test").unwrap(), "Ticket K7P2-9QXM");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
        assert!(svg.contains(r#" role="img"><title>Ticket K7P2-9QXM</title><rect "#), "{svg}");
    }

    #[test]
    fn the_border_is_white_and_the_corner_dark() {
        let image = draw_png(&encode("GHT1.test").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(image)).read_info().unwrap();
        let mut bits = vec![0; reader.output_buffer_size().unwrap()];
        let shape = reader.next_frame(&mut bits).unwrap();
        assert_eq!((shape.width, shape.height, shape.color_type, shape.bit_depth), (232, 232, ColorType::Grayscale, BitDepth::One));
        // A module is a byte wide.
        let lines: Vec<_> = bits.chunks(shape.line_size).collect();
        assert!(lines[..QUIET * SCALE].iter().all(|line| line.iter().all(|byte| *byte == 0xff)));
        let first = lines[QUIET * SCALE];
        assert!(first[..QUIET].iter().all(|byte| *byte == 0xff));
        assert!(first[QUIET..QUIET + 7].iter().all(|byte| *byte == 0));
        assert_eq!(first[QUIET + 7], 0xff);
    }
}
