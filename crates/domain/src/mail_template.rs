//! Templates of mails (docs/reference/mail.md#templates): a subject, a text and an HTML part, filled with each recipient's values.
//!
//! The language is Jinja's. Values are escaped in the HTML part, and nothing in a template turns that off; a value that is not there is an
//! error, so that nobody is greeted as "Dear ,". A template has so much fuel, which also bounds what it writes.

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::FieldErrors;

/// The longest subject, characters.
pub const MAX_SUBJECT: usize = 200;

/// Steps of a template, and bytes that it writes, at most: of one part of one mail.
const FUEL: u64 = 1_000_000;

/// How deep a template may nest.
const MAX_DEPTH: usize = 50;

const SUBJECT: &str = "subject";
const TEXT: &str = "text";
const HTML: &str = "html";

/// A template that can be read.
pub struct Template {
    environment: Environment<'static>,
    has_html: bool,
}

/// A mail as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML, if there is one.
    pub html: Option<String>,
}

impl Template {
    /// Reads a template. The error names each part that cannot be read.
    pub fn new(subject: &str, text: &str, html: Option<&str>) -> Result<Self, FieldErrors> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|part| if part == HTML { AutoEscape::Html } else { AutoEscape::None });
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MAX_DEPTH);
        environment.remove_filter("safe");
        let mut errors = FieldErrors::new();
        for (part, source) in [(SUBJECT, Some(subject)), (TEXT, Some(text)), (HTML, html)] {
            let Some(source) = source else { continue };
            // The one statement that would turn escaping off.
            if source.contains("autoescape") {
                errors.push((part, "must not have the word autoescape".to_owned()));
            } else if let Err(error) = environment.add_template_owned(part, source.to_owned()) {
                errors.push((part, reason(&error)));
            }
        }
        if errors.is_empty() { Ok(Self { environment, has_html: html.is_some() }) } else { Err(errors) }
    }

    /// Fills it with these values. The error names each part that cannot be filled, and why: a value that is not there, say.
    pub fn fill(&self, values: &impl Serialize) -> Result<Mail, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut part = |name: &'static str| {
            let values = minijinja::Value::from(minijinja::value::Serde(values));
            let filled = self.environment.get_template(name).and_then(|template| template.render(values));
            filled.map_err(|error| errors.push((name, reason(&error)))).ok()
        };
        let (subject, text) = (part(SUBJECT), part(TEXT));
        let html = if self.has_html { part(HTML).map(Some) } else { Some(None) };
        let subject = subject.map(|subject| one_line(&subject));
        if let Some(subject) = &subject
            && !is_subject(subject)
        {
            errors.push((SUBJECT, format!("must have 1 to {MAX_SUBJECT} characters when it is filled")));
        }
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            errors.push((TEXT, "is empty when it is filled".to_owned()));
        }
        match (subject, text, html) {
            (Some(subject), Some(text), Some(html)) if errors.is_empty() => Ok(Mail { subject, text, html }),
            _ => Err(errors),
        }
    }
}

/// Whether this is the subject of a mail: one line, neither empty nor too long.
pub fn is_subject(subject: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&subject.chars().count()) && !subject.contains(char::is_control)
}

/// On one line, without control characters: what a value says adds no header.
pub fn one_line(text: &str) -> String {
    let word = |word: &str| word.chars().filter(|c| !c.is_control()).collect::<String>();
    text.split_whitespace().map(word).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text as HTML that shows it.
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What is wrong, and in which line.
fn reason(error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "takes too many steps or becomes too long".to_owned(),
        ErrorKind::UndefinedError => error.detail().unwrap_or("a value is not there").to_owned(),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn template(subject: &str, text: &str, html: Option<&str>) -> Template {
        Template::new(subject, text, html).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn parts(errors: &FieldErrors) -> Vec<&'static str> {
        errors.iter().map(|(part, _)| *part).collect()
    }

    #[test]
    fn values_are_escaped_in_html_and_nowhere_else() {
        let template = template(
            "Hello {{ name }}",
            "Dear {{ name }},\n{% for gate in gates %}- {{ gate }}\n{% endfor %}",
            Some("<p>{{ name }}</p><a href=\"{{ url }}\">{{ 'x' }}</a>"),
        );
        let values = json!({"name": "<b>Asha & \"Ravi\"</b>", "gates": ["North", "<South>"], "url": "https://a.example/?a=1&b='2'"});
        let mail = template.fill(&values).unwrap();
        assert_eq!(mail.subject, "Hello <b>Asha & \"Ravi\"</b>");
        assert_eq!(mail.text, "Dear <b>Asha & \"Ravi\"</b>,\n- North\n- <South>\n");
        let html = mail.html.unwrap();
        assert!(html.starts_with("<p>&lt;b&gt;Asha &amp; &quot;Ravi&quot;&lt;"), "{html}");
        assert!(!html.contains("'2'") && html.contains("a=1&amp;b="), "{html}");
    }

    #[test]
    fn escaping_is_not_turned_off() {
        for html in ["{% autoescape false %}{{ a }}{% endautoescape %}", "{{ a|safe }}"] {
            let filled = Template::new("s", "t", Some(html)).and_then(|template| template.fill(&json!({"a": "<b>"})));
            assert_eq!(parts(&filled.unwrap_err()), ["html"], "{html}");
        }
    }

    #[test]
    fn a_value_that_is_not_there_is_an_error_and_each_part_is_named() {
        let whole = template("{{ a }}", "{{ b }}", Some("{{ c.d }}"));
        assert_eq!(parts(&whole.fill(&json!({})).unwrap_err()), ["subject", "text", "html"]);
        assert_eq!(parts(&whole.fill(&json!({"a": 1, "b": 2, "c": 3})).unwrap_err()), ["html"]);
        let errors = Template::new("{{", "{% for %}", Some("{{ x }}")).err().unwrap();
        assert_eq!(parts(&errors), ["subject", "text"]);
        assert!(errors[1].1.contains("line 1"), "{errors:?}");
        let cautious = template("{{ a|default('x') }}", "{% if a is defined %}a{% else %}none{% endif %}", None);
        assert_eq!(cautious.fill(&json!({})).unwrap(), Mail { subject: "x".into(), text: "none".into(), html: None });
    }

    #[test]
    fn a_subject_is_one_line_whatever_the_values_are() {
        let template = template("Booking {{ code }}", "t", None);
        let subject = |code: &str| template.fill(&json!({"code": code})).map(|mail| mail.subject);
        assert_eq!(subject("A\r\nBcc: all@example.com\u{85}x").unwrap(), "Booking A Bcc: all@example.com x");
        assert_eq!(parts(&subject(&"x".repeat(200)).unwrap_err()), ["subject"]);
    }

    #[test]
    fn what_never_ends_is_stopped() {
        for text in [
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 99999999 }}",
            "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            "{{ '%999999999d'|format(1) }}",
        ] {
            assert_eq!(parts(&template("s", text, None).fill(&json!({})).unwrap_err()), ["text"], "{text}");
        }
        let deep = format!("{}x{}", "{% if true %}".repeat(2_000), "{% endif %}".repeat(2_000));
        let nested = Template::new("s", &deep, None).and_then(|template| template.fill(&json!({})));
        assert_eq!(parts(&nested.unwrap_err()), ["text"]);
    }

    proptest! {
        #[test]
        fn no_template_and_no_value_panics(text: String, value: String) {
            if let Ok(template) = Template::new("s", &text, Some(&text)) {
                let _ = template.fill(&json!({"a": value}));
            }
        }

        #[test]
        fn no_value_adds_markup(value: String) {
            let mail = template("s", "t", Some("<p>{{ value }}</p>")).fill(&json!({"value": value})).unwrap();
            let html = mail.html.unwrap();
            prop_assert_eq!(html.matches('<').count(), 2);
            prop_assert!(!escape_html(&value).contains(['<', '>', '"', '\'']));
        }
    }
}
