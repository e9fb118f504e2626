//! How a picture is asked for.

use charts::{DEFAULT_WIDTH, WIDTHS};
use kit::input::{Input, Int};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

/// What a picture is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[derive(EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// How the bytes of a picture are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Encoding {
    /// As base64 in a JSON document.
    Base64,
}

kit::text_enum!(Theme, Encoding);

impl From<Theme> for charts::Theme {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self::Light,
            Theme::Dark => Self::Dark,
        }
    }
}

const NARROWEST: i64 = *WIDTHS.start() as i64;
const WIDEST: i64 = *WIDTHS.end() as i64;

/// How a picture is to look.
#[derive(Clone, Debug, Input)]
pub struct Look {
    /// `light` unless it says otherwise.
    theme: Option<Theme>,
    /// Pixels; 960 unless it says otherwise. Above 1,200 the picture is not laid out wider, but drawn larger.
    width: Option<Int<NARROWEST, WIDEST>>,
    /// `base64` for a JSON document that has the picture in it.
    encoding: Option<Encoding>,
}

impl Look {
    pub(crate) fn theme(&self) -> Theme {
        self.theme.unwrap_or_default()
    }

    pub(crate) fn width(&self) -> u32 {
        self.width.and_then(|width| u32::try_from(*width).ok()).unwrap_or(DEFAULT_WIDTH)
    }

    pub(crate) fn is_document(&self) -> bool {
        self.encoding == Some(Encoding::Base64)
    }

    pub(crate) fn of_chart(&self) -> charts::Look {
        charts::Look::new(self.theme().into(), self.width())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(query: &str) -> Result<Look, Vec<String>> {
        kit::input::parse_query(query, 0).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn a_picture_is_light_and_of_the_usual_width_unless_asked_otherwise() {
        let usual = look("").unwrap();
        assert_eq!((usual.theme(), usual.width(), usual.is_document()), (Theme::Light, 960, false));
        let asked = look("theme=dark&width=2400&encoding=base64").unwrap();
        assert_eq!((asked.theme(), asked.width(), asked.is_document()), (Theme::Dark, 2400, true));
    }

    #[test]
    fn what_is_wrong_is_named_together() {
        assert_eq!(look("theme=sepia&width=319&encoding=hex").unwrap_err(), ["encoding", "theme", "width"]);
        assert_eq!(look("width=2401").unwrap_err(), ["width"]);
    }
}
