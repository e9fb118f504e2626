//! Fields that refuse nothing: whoever is in trouble sends what they can, and what was not understood is kept for people to read.

use domain::emergency::Kind;
use kit::input::{At, Field, Location, SchemaRef, Schemas, Text, Value, any_of_schemas};
use kit::problem::FieldErrors;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

/// How much of what was not understood is kept, characters.
const MAX_KEPT: usize = 200;

/// What was sent for a field of type `T`.
pub enum Sent<T> {
    /// Nothing, null or an empty text.
    Nothing,
    /// What the field is for.
    Understood(T),
    /// Something else.
    Strange(Strange),
}

/// What was not understood.
pub struct Strange {
    /// What was sent: a text as it is, anything else as JSON, at most [`MAX_KEPT`] characters.
    pub words: String,
    /// Whether it was a text.
    pub is_text: bool,
    /// Why it was not understood.
    pub reason: String,
}

impl<T> Sent<T> {
    /// What was understood; none otherwise.
    pub fn understood(&self) -> Option<&T> {
        match self {
            Self::Understood(value) => Some(value),
            Self::Nothing | Self::Strange(_) => None,
        }
    }

    /// What is noted of it: that it was not sent, or what was sent instead; nothing of what was understood.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Nothing => Some("was not sent".to_owned()),
            Self::Understood(_) => None,
            Self::Strange(Strange { words, reason, .. }) => Some(format!("\"{words}\" was sent: {reason}")),
        }
    }
}

impl<T: Field> Field for Sent<T> {
    const NULLABLE: bool = true;

    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let mut errors = FieldErrors::new();
        if is_empty(value) {
            return Some(Self::Nothing);
        }
        let read = T::read(value, &mut At::top(&mut errors, at.now_ms(), at.is_textual()));
        Some(match read {
            Some(understood) if errors.is_empty() => Self::Understood(understood),
            _ => Self::Strange(Strange {
                words: cut(&words(value), MAX_KEPT).0,
                is_text: value.is_string(),
                reason: errors.into_values().flatten().collect::<Vec<_>>().join(", "),
            }),
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::Nothing)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        or_anything(T::schema(schemas))
    }
}

/// Somebody's words: any text without its control characters, at most `MAX` characters of it. Of what is no text, its JSON.
#[derive(Default)]
pub struct Words<const MAX: usize> {
    /// The words; empty when nothing was sent.
    pub text: String,
    /// Whether there were more.
    pub is_cut: bool,
}

impl<const MAX: usize> Words<MAX> {
    fn of(value: &Value) -> Self {
        let (text, is_cut) = cut(&words(value), MAX);
        Self { text, is_cut }
    }

    /// The words; none when nothing was sent.
    pub fn some(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| !text.is_empty())
    }
}

impl<const MAX: usize> Field for Words<MAX> {
    const NULLABLE: bool = true;

    fn read(value: &Value, _: &mut At<'_>) -> Option<Self> {
        Some(if is_empty(value) { Self::default() } else { Self::of(value) })
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        or_anything(Text::<1, MAX>::schema(schemas))
    }
}

/// The kind of emergency that a reporter's word stands for.
pub struct ReportedKind {
    pub kind: Kind,
    /// The word itself, where it is none of ours: at most 64 characters.
    pub word: Option<String>,
}

impl Field for ReportedKind {
    fn read(value: &Value, _: &mut At<'_>) -> Option<Self> {
        let word = Words::<64>::of(value);
        Some(match word.text.parse() {
            Ok(kind) => Self { kind, word: None },
            Err(_) => Self { kind: Kind::Other, word: word.some().map(str::to_owned) },
        })
    }

    /// Any value but null: that something is sent is all that is asked of a report.
    fn schema(_: &mut Schemas) -> SchemaRef {
        let types = vec![Type::String, Type::Number, Type::Boolean, Type::Object, Type::Array];
        ObjectBuilder::new().schema_type(SchemaType::Array(types)).into()
    }
}

/// A position, and how far off it may be.
pub struct Position {
    pub location: Location,
    /// As it stands beside the coordinates, where browsers put it: `accuracy_m` or `accuracy`, metres.
    pub accuracy_m: Option<f64>,
}

impl Field for Position {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let number = |names: [&str; 2]| number(names.iter().find_map(|name| value.get(name))?);
        let location = match (number(["lat", "latitude"]), number(["lng", "longitude"])) {
            (Some(lat), Some(lng)) => Location::read(&json!({ "lat": lat, "lng": lng }), at)?,
            // It says what is missing.
            _ => Location::read(value, at)?,
        };
        Some(Self { location, accuracy_m: number(["accuracy_m", "accuracy"]).filter(|metres| *metres >= 0.0) })
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        Location::schema(schemas)
    }
}

/// A number, which some clients write as a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// A text as it is, anything else as JSON; without control characters, which no screen shows.
fn words(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let plain: String = text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect();
    plain.trim().to_owned()
}

/// At most so many characters of it, and whether there were more.
fn cut(text: &str, max: usize) -> (String, bool) {
    match text.char_indices().nth(max) {
        Some((end, _)) => (text[..end].trim_end().to_owned(), true),
        None => (text.to_owned(), false),
    }
}

/// What is understood, or anything else.
fn or_anything(understood: SchemaRef) -> SchemaRef {
    any_of_schemas([understood, ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()])
}

#[cfg(test)]
mod tests {
    use domain::emergency::Severity;

    use super::*;

    fn read<T: Field>(value: &Value) -> T {
        let mut errors = FieldErrors::new();
        let read = T::read(value, &mut At::top(&mut errors, 0, false)).expect("nothing is refused");
        assert!(errors.is_empty());
        read
    }

    #[test]
    fn nothing_that_json_can_say_is_refused() {
        let long = "x".repeat(10_000);
        for value in [json!(null), json!(""), json!("\u{0}"), json!(7), json!([[]]), json!({"a": long.clone()}), json!(long), json!(true)] {
            let kind: ReportedKind = read(&value);
            assert_eq!(kind.kind, Kind::Other);
            assert!(kind.word.is_none_or(|word| (1..=64).contains(&word.chars().count())));
            let words: Words<2000> = read(&value);
            assert!(words.text.chars().count() <= 2000);
            let severity: Sent<Severity> = read(&value);
            assert!(severity.understood().is_none() && severity.note().expect("a note").chars().count() < 400);
            let position: Sent<Position> = read(&value);
            assert!(position.understood().is_none());
        }
    }

    #[test]
    fn what_was_not_understood_is_kept() {
        let place: Sent<Position> = read(&json!("behind the\u{7} east gate"));
        assert_eq!(place.note().unwrap(), "\"behind the  east gate\" was sent: must be an object with lat and lng");
        assert!(matches!(place, Sent::Strange(Strange { is_text: true, .. })));
        let half: Sent<Position> = read(&json!({"lat": 91, "lng": 70.4}));
        assert_eq!(half.note().unwrap(), "\"{\"lat\":91,\"lng\":70.4}\" was sent: its lat must be a number from -90 to 90");
        let words: Words<3> = read(&json!("मंदिर"));
        assert_eq!((words.text.as_str(), words.is_cut), ("मंद", true));
    }

    #[test]
    fn a_position_may_say_how_far_off_it_is() {
        let accuracy = |value: Value| read::<Sent<Position>>(&value).understood().expect("a position").accuracy_m;
        assert_eq!(accuracy(json!({"lat": 1, "lng": 2, "accuracy": 12.5})), Some(12.5));
        assert_eq!(accuracy(json!({"latitude": 1, "longitude": 2, "accuracy_m": 3000})), Some(3000.0));
        assert_eq!(accuracy(json!({"lat": 1, "lng": 2, "accuracy_m": -1})), None);
        assert_eq!(accuracy(json!({"lat": 1, "lng": 2, "accuracy_m": "near"})), None);
        // Numbers in quotes are numbers, where somebody waits for help.
        let position: Sent<Position> = read(&json!({"lat": "20.8881", "lng": " 70.4014 ", "accuracy": "7"}));
        let position = position.understood().expect("a position");
        assert_eq!((position.location, position.accuracy_m), (Location { lat: 20.8881, lng: 70.4014 }, Some(7.0)));
    }
}
