//! What a request says to its recipients: a template with its values, or words of its own.

use std::ops::Deref;

use domain::mail::{Letter, Recipient};
use domain::mail_template::{MAX_SUBJECT, Mail, is_subject};
use kit::db::{Executor, Fetch as _, Value};
use kit::input::{At, Email, Input, JsonObject, Slug, TextField, pattern};
use kit::problem::FieldErrors;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde_json::Map;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The longest plain text, characters.
pub const MAX_TEXT: usize = 65_536;

/// The longest HTML, characters.
pub const MAX_HTML: usize = 131_072;

kit::text_type! {
    /// The subject: one line of 1 to 200 characters.
    pub struct Subject, format!("must be one line of 1 to {MAX_SUBJECT} characters"),
    pattern: r"^[^\x00-\x1F\x7F-\x9F]{1,200}$", is_subject
}

/// A part of a mail: lines of 1 to `MAX` characters.
pub struct Part<const MAX: usize>(String);

impl<const MAX: usize> Deref for Part<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TextField for Part<MAX> {
    fn rule() -> String {
        format!("must have 1 to {MAX} characters, and none that control something")
    }

    fn parse_text(text: &str) -> Option<Self> {
        // As editors of all kinds end their lines.
        let text = text.replace("\r\n", "\n");
        let is_part = (1..=MAX).contains(&text.chars().count()) && !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
        is_part.then_some(Self(text))
    }

    fn text_schema() -> ObjectBuilder {
        // What is trimmed may be longer.
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1))
    }
}

impl<const MAX: usize> From<&Part<MAX>> for Value {
    fn from(part: &Part<MAX>) -> Self {
        Self::Text(part.0.clone())
    }
}

/// A name for the recipient: one line of 1 to 100 characters.
pub struct Name(String);

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TextField for Name {
    fn rule() -> String {
        "must be one line of 1 to 100 characters".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        ((1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    fn text_schema() -> ObjectBuilder {
        pattern(r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$").max_length(Some(100))
    }
}

/// A template with what fills it, or a subject and a text of its own.
#[derive(Input)]
#[input(check)]
pub struct Content {
    /// The name of a template, in place of `subject`, `text` and `html`.
    template: Option<Slug>,
    /// The subject; sent as it is.
    subject: Option<Subject>,
    /// The plain text; sent as it is.
    #[input(alias("message"), alias("body"))]
    text: Option<Part<MAX_TEXT>>,
    /// The same as HTML; sent as it is.
    #[input(alias("html_message"), alias("html_content"))]
    html: Option<Part<MAX_HTML>>,
    /// What fills the template, beside `email`, `name` and `unsubscribe_url`.
    variables: Option<JsonObject>,
    /// Where answers go, in place of the sender.
    reply_to: Option<Email>,
}

impl Content {
    fn check(&self, at: &mut At<'_>) {
        if self.template.is_some() {
            let words = [("subject", self.subject.is_some()), ("text", self.text.is_some()), ("html", self.html.is_some())];
            for (name, _) in words.into_iter().filter(|(_, is_sent)| *is_sent) {
                at.refuse_field(name, "is not for a request with a template");
            }
        } else {
            at.check_field(self.subject.is_some(), "subject", "is required without a template");
            at.check_field(self.text.is_some(), "text", "is required without a template");
            at.check_field(self.variables.is_none(), "variables", "is only for a request with a template");
        }
    }
}

/// A template as it is kept.
#[derive(FromRow)]
struct Kept {
    subject: String,
    text: String,
    html: Option<String>,
}

/// What is sent, as it is now.
pub struct Written {
    /// The template's name.
    pub template: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub reply_to: Option<String>,
    letter: Letter,
    variables: Map<String, serde_json::Value>,
}

impl Written {
    /// What a request says. 422 for a template that is not there.
    pub fn of(content: Content, db: &dyn Executor) -> Answer<Self> {
        let Content { template, subject, text, html, variables, reply_to } = content;
        let part = |part: Option<String>| part.unwrap_or_default();
        let kept = match &template {
            Some(name) => db
                .fetch_optional("select subject, text, html from mail_templates where name = ?", params![&**name])?
                .ok_or_else(|| Problem::invalid_field("template", "is not a template"))?,
            None => Kept { subject: part(subject.map(|it| it.to_string())), text: part(text.map(|it| it.0)), html: html.map(|it| it.0) },
        };
        let template = template.map(|name| name.to_string());
        let (variables, reply_to) = (object(variables.as_ref())?, reply_to.map(|it| it.to_string()));
        Ok(Self { variables, reply_to, ..Self::read(template, kept)? })
    }

    /// What a template says, as it is kept.
    pub fn kept(name: &str, subject: String, text: String, html: Option<String>) -> Answer<Self> {
        Self::read(Some(name.to_owned()), Kept { subject, text, html })
    }

    fn read(template: Option<String>, kept: Kept) -> Answer<Self> {
        let Kept { subject, text, html } = kept;
        // What was kept has been read before.
        let letter = Letter::new(&subject, &text, html.as_deref(), template.is_some())
            .map_err(|errors| Problem::internal(format!("a template that cannot be read: {errors:?}")))?;
        Ok(Self { template, subject, text, html, reply_to: None, letter, variables: Map::new() })
    }

    /// The variables of one recipient: their own go before those of all.
    pub fn variables(&self, own: Option<&JsonObject>) -> Answer<Map<String, serde_json::Value>> {
        let mut variables = self.variables.clone();
        variables.extend(object(own)?);
        Ok(variables)
    }

    /// Fills it for one recipient; the errors name `variables`, since those are what may be changed.
    pub fn fill(
        &self,
        email: &str,
        name: Option<&str>,
        variables: &Map<String, serde_json::Value>,
        unsubscribe_url: Option<&str>,
    ) -> Result<Mail, FieldErrors> {
        self.letter.to(&Recipient { variables, email, name, unsubscribe_url }).map_err(|errors| {
            let reasons = errors.into_iter().map(|(part, reason)| format!("the template's {part}: {reason}")).collect();
            FieldErrors::from([("variables".to_owned(), reasons)])
        })
    }
}

fn object(variables: Option<&JsonObject>) -> Answer<Map<String, serde_json::Value>> {
    let Some(text) = variables else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn bad(body: &str) -> Vec<String> {
        parse::<Content>(body.as_bytes(), 0).err().map(|problem| problem.errors().keys().cloned().collect()).unwrap_or_default()
    }

    #[test]
    fn it_is_a_template_or_words() {
        assert!(bad(r#"{"template": "welcome", "variables": {"a": 1}}"#).is_empty());
        assert!(bad(r#"{"subject": "Closed", "message": "Today.\r\nTomorrow not."}"#).is_empty());
        assert_eq!(bad("{}"), ["subject", "text"]);
        assert_eq!(bad(r#"{"template": "welcome", "subject": "x", "html": "<p>"}"#), ["html", "subject"]);
        assert_eq!(bad(r#"{"subject": "a\nBcc: b", "text": "\u0000", "variables": {}}"#), ["subject", "text"]);
        assert_eq!(bad(r#"{"subject": "a", "text": "b", "variables": {}}"#), ["variables"]);
    }
}
