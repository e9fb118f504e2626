//! Charts as answers: how a component is asked for one ([`Look`]), and what goes out ([`Picture`]): SVG, PNG, or either as base64 in a JSON
//! document. What a client has already is not sent again (RFC 9110 §13.1.2).

mod look;
mod picture;
mod rendered;

pub use look::{Encoding, Look, Theme};
pub use picture::{Form, Picture, PictureDocument, Png, Svg};
