use super::*;
use crate::problem::FieldErrors;

/// A field of this JSON, or how many faults it has. `textual` is of a query.
pub fn read<T: Field>(json: &str, textual: bool) -> Result<T, usize> {
    let mut errors = FieldErrors::new();
    let value = serde_json::from_str(json).unwrap();
    let read = At::top(&mut errors, 0, textual).inside("at", |at| T::read(&value, at));
    read.ok_or_else(|| errors["at"].len())
}

#[derive(Debug, Input)]
#[input(check)]
struct Stay {
    name: Text<1, 10>,
    #[input(alias("years"))]
    age: Int<0, 150>,
    at: Timestamp,
    plate: Option<Text<1, 10>>,
    #[input(default)]
    guests: List<Guest, 0, 2>,
    site: Patch<Slug>,
    #[input(rename = "type")]
    kind: Option<Text<1, 3>>,
    colour: NotNull<Text<1, 9>>,
}

#[derive(Debug, Input)]
struct Guest {
    name: Text<1, 5>,
    adult: Option<bool>,
}

impl Stay {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.guests.len() < self.name.len(), "guests", "must be fewer than the name's letters");
    }
}

fn refused(body: &str) -> Vec<String> {
    let problem = parse::<Stay>(body.as_bytes(), 0).unwrap_err();
    problem.errors().iter().map(|(field, reasons)| format!("{field} {}", reasons.join(", "))).collect()
}

#[test]
fn every_bad_field_is_named_at_once_nested_ones_too() {
    assert_eq!(
        refused(r#"{"name": 3, "age": 900, "at": "yesterday", "guests": [{"name": "Asha"}, {"name": "", "adult": 1}], "type": "abcd"}"#),
        [
            "age must be from 0 to 150",
            "at must be an RFC 3339 timestamp, such as 2026-02-04T10:30:00Z",
            "guests[1].adult must be true or false",
            "guests[1].name must have 1 to 5 characters",
            "name must be a text",
            "type must have 1 to 3 characters",
        ]
    );
    assert_eq!(refused("{}"), ["age is required", "at is required", "name is required"]);
    assert_eq!(refused("[]"), ["body must be an object"]);
    assert_eq!(parse::<Stay>(b"{", 0).unwrap_err().status(), 400);
}

#[test]
fn aliases_nulls_and_unknown_fields_are_taken() {
    let stay: Stay =
        parse(br#"{"name": " Ravi ", "years": 7.0, "at": "2026-02-04T10:30:00Z", "plate": null, "site": null, "x": 1}"#, 0).unwrap();
    assert_eq!((&*stay.name, *stay.age, stay.plate.is_none(), stay.site), ("Ravi", 7, true, Patch::Clear));
    assert_eq!((stay.at, stay.kind, stay.colour), (Timestamp(1_770_201_000_000), None, NotNull(None)));
}

#[derive(Debug, Input)]
struct Change {
    #[input(alias("id"), same_as_path = "code")]
    code: Option<Slug>,
    age: Option<Int<0, 9>>,
}

#[test]
fn what_the_path_names_may_be_repeated_and_cannot_be_changed() {
    let path = [("code".to_owned(), "B1".to_owned())];
    let change: Change = parse_at(br#"{"id": "b1", "age": 3}"#, 0, &path).unwrap();
    assert_eq!((change.code.as_deref(), change.age.map(|age| *age)), (Some("b1"), Some(3)));
    let problem = parse_at::<Change>(br#"{"code": "b2", "age": 10}"#, 0, &path).unwrap_err();
    assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["age", "code"]);
}

#[test]
fn a_rule_that_binds_fields_is_asked_when_each_is_good() {
    let guests = r#"[{"name": "A"}]"#;
    let good: Stay =
        parse(br#"{"name": "Ravi", "age": 7, "at": "2026-02-04T10:30:00Z", "guests": [{"name": "A", "adult": true}]}"#, 0).unwrap();
    assert_eq!((&*good.guests[0].name, good.guests[0].adult), ("A", Some(true)));
    assert_eq!(
        refused(&format!(r#"{{"name": "R", "age": 7, "at": "2026-02-04T10:30:00Z", "guests": {guests}}}"#)),
        ["guests must be fewer than the name's letters"]
    );
}

#[test]
fn null_is_one_shape_of_a_schema_and_no_more() {
    let property = Property::new::<Patch<Location>>("at", &[], "", false, &mut Schemas::new());
    let location = serde_json::json!({"$ref": "#/components/schemas/Location"});
    assert_eq!(serde_json::to_value(property.schema).unwrap(), serde_json::json!({"oneOf": [{"type": "null"}, location]}));
}

#[test]
fn null_is_refused_where_nothing_clears_a_field() {
    let stay = r#"{"name": "R", "age": 7, "at": "2026-02-04T10:30:00Z", "colour": null}"#;
    assert_eq!(refused(stay), ["colour must not be null"]);
    assert!(parse::<Stay>(stay.replace("null", "\"red\"").as_bytes(), 0).is_ok());
}

#[test]
fn the_schema_says_what_the_parser_does() {
    let mut schemas = Schemas::new();
    let schema = serde_json::to_value(object_schema::<Stay>(&mut schemas)).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["name", "at"]));
    let years = serde_json::json!({"type": "integer", "minimum": 0, "maximum": 150, "description": "Another name of `age`."});
    assert_eq!(schema["anyOf"], serde_json::json!([{"required": ["age"]}, {"required": ["years"], "properties": {"years": years}}]));
    assert_eq!(schema["properties"]["name"], serde_json::json!({"type": "string", "minLength": 1, "maxLength": 10}));
    assert_eq!(schema["properties"]["age"]["maximum"], 150);
    assert_eq!(schema["properties"]["guests"]["items"]["$ref"], "#/components/schemas/Guest");
    assert_eq!(schema["properties"]["site"]["type"], serde_json::json!(["string", "null"]));
    assert_eq!(schema["properties"]["plate"]["type"], serde_json::json!(["string", "null"]));
    assert_eq!(schema["properties"]["colour"]["type"], "string");
    assert_eq!(schemas.len(), 1);
}

#[test]
fn two_requests_of_one_name_are_both_there_when_they_differ() {
    mod other {
        use super::*;

        #[derive(Debug, Input)]
        pub struct Guest {}
    }
    let mut schemas = Schemas::new();
    for _ in 0..2 {
        reference::<Guest>(&mut schemas);
        assert_eq!(schemas.len(), 1);
    }
    reference::<other::Guest>(&mut schemas);
    assert_eq!(schemas.iter().filter(|(name, _)| name == "Guest").count(), 2);
}

#[derive(Debug, Input)]
#[input(read_only("id", "created_at"))]
struct Renaming {
    name: Option<Text<1, 10>>,
}

#[test]
fn what_is_read_only_is_named_unless_it_is_what_the_path_names() {
    let read = |body: &str| {
        let path = [("id".to_owned(), "0192f0c1".to_owned())];
        match parse_at::<Renaming>(body.as_bytes(), 0, &path) {
            Ok(renaming) => vec![renaming.name.map(String::from).unwrap_or_default()],
            Err(problem) => problem.errors().iter().map(|(field, reasons)| format!("{field} {}", reasons.join(", "))).collect(),
        }
    };
    assert_eq!(read(r#"{"id": "0192F0C1", "name": "Asha", "created_at": null, "unknown": 1}"#), ["Asha"]);
    assert_eq!(read(r#"{"id": 1, "created_at": "2026-02-04T10:30:00Z"}"#), ["created_at is read-only", "id is read-only"]);
    assert!(Renaming::knows("created_at") && Renaming::NAMES_PATH);
}

#[derive(Debug, Input)]
#[input(refuse_unknown)]
struct Chosen {
    name: Option<Text<1, 10>>,
}

#[test]
fn a_misspelt_field_does_not_choose_all() {
    assert_eq!(parse::<Chosen>(b"{}", 0).unwrap().name.map(String::from), None);
    let problem = parse::<Chosen>(br#"{"nmae": "Asha", "name": 3}"#, 0).unwrap_err();
    assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["name", "nmae"]);
    let schema = serde_json::to_value(object_schema::<Chosen>(&mut Schemas::new())).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}

#[derive(Input)]
#[input(example = r#"{"name": "Asha"}"#)]
struct Good {
    #[expect(dead_code, reason = "only its rules are looked at")]
    name: Text<1, 10>,
}

#[derive(Input)]
#[input(example = r#"{"name": "a name that is too long"}"#)]
struct Bad {
    #[expect(dead_code, reason = "only its rules are looked at")]
    name: Text<1, 10>,
}

#[test]
fn an_example_is_one_that_is_taken() {
    assert_eq!(example::<Good>(), Some(serde_json::json!({ "name": "Asha" })));
    assert_eq!(example::<Renaming>(), None);
    assert!(std::panic::catch_unwind(example::<Bad>).is_err());
}
