//! What is asked for: a spot, a stay, a plate.

use domain::reservation::{end_fault, start_fault};
use domain::spot::Kind;
use kit::Problem;
use kit::db::Value;
use kit::input::{At, Input, Object, Property, Schemas, Text, TextField, Timestamp, pattern};
use kit::problem::FieldErrors;
use utoipa::openapi::ObjectBuilder;

/// Which spot.
pub enum Target {
    /// This one.
    Spot(Named),
    /// The best free one of a site and a kind.
    Kind { site: String, kind: Kind },
}

/// A spot by its id, with what the client takes to be its site and kind.
pub struct Named {
    /// Its id.
    pub spot_id: String,
    site: Option<String>,
    kind: Option<Kind>,
}

impl Named {
    /// What of it is not so: 422 for `site` or `kind` when the spot is of another.
    pub fn check(&self, site: &str, kind: Kind) -> Result<(), Problem> {
        let mut errors = FieldErrors::new();
        if self.site.as_deref().is_some_and(|named| named != site) {
            errors.insert("site".to_owned(), vec![format!("is not the spot's, which is {site}")]);
        }
        if self.kind.is_some_and(|named| named != kind) {
            errors.insert("kind".to_owned(), vec![format!("is not the spot's, which is {}", kind.into_str())]);
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }
}

impl Target {
    /// This spot, whatever its site and kind.
    pub fn spot(spot_id: &str) -> Self {
        Self::Spot(Named { spot_id: spot_id.to_owned(), site: None, kind: None })
    }
}

/// A spot as a request names it: `spot_id`, or `site` and `kind`.
#[derive(Debug, Input)]
pub struct SpotChoice {
    /// This spot. A `site` or a `kind` beside it must be the spot's.
    spot_id: Option<Text<1, 64>>,
    /// The best free spot of this site and of `kind` is chosen.
    site: Option<Text<1, 64>>,
    /// `standard` unless it says otherwise.
    kind: Option<Kind>,
}

impl SpotChoice {
    /// What is asked for; none when there is neither a spot nor a site.
    pub fn target(&self) -> Option<Target> {
        match (&self.spot_id, &self.site) {
            (Some(spot), site) => {
                let site = site.as_deref().map(str::to_owned);
                Some(Target::Spot(Named { spot_id: spot.to_string(), site, kind: self.kind }))
            }
            (None, Some(site)) => Some(Target::Kind { site: site.to_string(), kind: self.kind.unwrap_or_default() }),
            (None, None) => None,
        }
    }

    /// Refuses a kind of nowhere.
    pub fn check_kind(&self, at: &mut At<'_>) {
        at.check_field(self.kind.is_none() || self.target().is_some(), "site", "is required with kind");
    }
}

/// A [`SpotChoice`] that must be made.
impl Input for Target {
    const NAME: &'static str = "Target";
    const DESCRIPTION: &'static str = "";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        let choice = SpotChoice::read(object, at);
        if !["spot_id", "site"].iter().any(|name| object.get(*name).is_some_and(|value| !value.is_null())) {
            at.refuse_field("spot_id", "or site and kind are required");
        }
        choice?.target()
    }

    fn knows(name: &str) -> bool {
        SpotChoice::knows(name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        SpotChoice::properties(schemas)
    }
}

/// From when until when.
#[derive(Debug, Input)]
#[input(check)]
pub struct Stay {
    /// At most 5 minutes ago, within 120 days.
    #[input(alias("start_time"))]
    pub start: Timestamp,
    /// 15 minutes to 30 days after the start.
    #[input(alias("end_time"))]
    pub end: Timestamp,
}

impl Stay {
    fn check(&self, at: &mut At<'_>) {
        check_start(self.start.0, at);
        check_length(self.start.0, self.end.0, at);
    }
}

/// Refuses a `start` at which no stay is offered.
pub fn check_start(start: i64, at: &mut At<'_>) {
    if let Some(fault) = start_fault(start, at.now_ms()) {
        at.refuse_field("start", fault);
    }
}

/// Refuses an `end` that makes a stay shorter or longer than is offered.
pub fn check_length(start: i64, end: i64, at: &mut At<'_>) {
    if let Some(fault) = end_fault(start, end) {
        at.refuse_field("end", fault);
    }
}

/// A number plate as it is kept, however it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate(String);

/// How long a plate may be as it is typed, with spaces and hyphens.
const MAX_TYPED_PLATE: usize = 32;

impl TextField for Plate {
    fn rule() -> String {
        "must have 2 to 16 letters and digits".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        let typed = Some(text).filter(|text| text.chars().count() <= MAX_TYPED_PLATE)?;
        domain::reservation::plate(typed).map(Self)
    }

    fn text_schema() -> ObjectBuilder {
        pattern(r"^[ .-]*([\p{L}\p{N}][ .-]*){2,16}$").max_length(Some(MAX_TYPED_PLATE))
    }
}

impl From<Plate> for Value {
    fn from(plate: Plate) -> Self {
        plate.0.into()
    }
}

impl From<&Plate> for Value {
    fn from(plate: &Plate) -> Self {
        plate.0.as_str().into()
    }
}

impl AsRef<str> for Plate {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
