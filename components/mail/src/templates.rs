//! Templates of mails.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::mail_template::{Mail, Template};
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{At, Email, Input, JsonObject, Patch, Slug, Timestamp};
use kit::page::{Listing, NoFilters, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::letter::{MAX_HTML, MAX_TEXT, Name, Part, Subject, Written};
use crate::unsubscribe_link;

/// A template of mails, in Jinja's language.
#[derive(Serialize, FromRow, ToSchema)]
pub struct MailTemplate {
    /// Names it in requests.
    name: String,
    /// The subject.
    subject: String,
    /// The plain text.
    text: String,
    /// The same as HTML, in which values are escaped; null when there is none.
    html: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// Who changed it last.
    updated_by: String,
}

const COLUMNS: &str = "name, subject, text, html, created_at, updated_at, updated_by";

/// A new template.
#[derive(Input)]
#[input(read_only("created_at", "updated_at", "updated_by"))]
#[input(
    check,
    example = r#"{"name": "opening-hours", "subject": "{{ temple }} opens at {{ opens }}", "text": "Dear {{ name }}, from {{ day }} on {{ temple }} opens at {{ opens }}.", "html": "<p>Dear {{ name }}, from {{ day }} on <b>{{ temple }}</b> opens at {{ opens }}.</p>"}"#
)]
pub struct NewMailTemplate {
    /// A name that is free so far.
    name: Slug,
    /// The subject.
    subject: Subject,
    /// The plain text.
    text: Part<MAX_TEXT>,
    /// The same as HTML.
    html: Option<Part<MAX_HTML>>,
}

impl NewMailTemplate {
    fn check(&self, at: &mut At<'_>) {
        check(&self.subject, &self.text, self.html.as_deref(), at);
    }
}

/// A change of a template: what is not sent stays. What was sent already keeps the words that it was sent with.
#[derive(Input)]
#[input(read_only("created_at", "updated_at", "updated_by"))]
#[input(example = r#"{"subject": "{{ temple }} will open at {{ opens }}"}"#)]
pub struct MailTemplateChange {
    /// May be repeated, and cannot be changed.
    #[input(same_as_path = "name")]
    name: Option<Slug>,
    /// The subject.
    subject: Option<Subject>,
    /// The plain text.
    text: Option<Part<MAX_TEXT>>,
    /// The same as HTML; null takes it away.
    html: Patch<Part<MAX_HTML>>,
}

fn check(subject: &str, text: &str, html: Option<&str>, at: &mut At<'_>) {
    for (part, reason) in Template::new(subject, text, html).err().unwrap_or_default() {
        at.refuse_field(part, reason);
    }
}

fn not_found() -> Problem {
    Problem::not_found("template")
}

/// Lists templates by `name`.
#[utoipa::path(get, path = "/v0/api/mail/templates")]
pub async fn list(_: Caller<Admin>, listing: Listing<NoFilters>) -> Answer<Page<MailTemplate>> {
    const LIST: &str = concatcp!("select ", COLUMNS, " from mail_templates where name > coalesce(?, '') order by name limit ?");
    let templates = Database.fetch_all(LIST, params![listing.after_text(0), listing.fetch()])?;
    Ok(listing.page(templates, |template: &MailTemplate| [template.name.clone()]))
}

fn find(db: &dyn db::Executor, name: &str) -> Answer<MailTemplate> {
    db.fetch_optional(concatcp!("select ", COLUMNS, " from mail_templates where name = ?"), params![name])?.ok_or_else(not_found)
}

/// Returns a template.
#[utoipa::path(get, path = "/v0/api/mail/templates/{name}")]
pub async fn read(_: Caller<Admin>, Path(name): Path<String>) -> Answer<Json<MailTemplate>> {
    find(&Database, &name).map(Json)
}

const INSERT: &str = concatcp!(
    "insert into mail_templates (name, subject, text, html, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?5, ?6) on conflict do nothing returning ",
    COLUMNS
);

/// Adds a template.
#[utoipa::path(post, path = "/v0/api/mail/templates", responses((status = 409, description = "There is a template of this name already.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewMailTemplate>) -> Answer<Created<MailTemplate>> {
    let params = params![&new.name, &new.subject, &new.text, new.html.as_ref(), now, &caller.0.id];
    let created = Database.fetch_optional(INSERT, params)?;
    created.map(Created).ok_or_else(|| Problem::conflict("there is a template of this name already"))
}

const UPDATE: &str = concatcp!(
    "update mail_templates set subject = ?2, text = ?3, html = ?4, updated_at = ?5, updated_by = ?6 where name = ?1 returning ",
    COLUMNS
);

/// Changes a template.
#[utoipa::path(patch, path = "/v0/api/mail/templates/{name}")]
pub async fn update(
    caller: Caller<Admin>,
    Path(name): Path<String>,
    Now(now): Now,
    Body(change): Body<MailTemplateChange>,
) -> Answer<Json<MailTemplate>> {
    let MailTemplateChange { subject, text, html, .. } = change;
    db::transaction(|db| {
        let kept = find(db, &name)?;
        let subject = subject.as_deref().unwrap_or(&kept.subject);
        let text = text.as_deref().unwrap_or(&kept.text);
        let html = match html.as_ref() {
            Patch::Keep => kept.html.as_deref(),
            Patch::Clear => None,
            Patch::Set(html) => Some(&**html),
        };
        if (subject, text, html) == (&*kept.subject, &*kept.text, kept.html.as_deref()) {
            return Ok(Json(kept));
        }
        if let Err(errors) = Template::new(subject, text, html) {
            return Err(Problem::invalid(errors.into_iter().map(|(part, reason)| (part.to_owned(), vec![reason])).collect()));
        }
        let changed = db.fetch_optional(UPDATE, params![&name, subject, text, html, now, &caller.0.id])?;
        changed.map(Json).ok_or_else(not_found)
    })
}

/// Deletes a template; what was sent with it stays.
#[utoipa::path(delete, path = "/v0/api/mail/templates/{name}")]
pub async fn delete(caller: Caller<Admin>, Path(name): Path<String>, Now(now): Now) -> Answer<NoContent> {
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update mail_templates set updated_at = ?2, updated_by = ?3 where name = ?1 returning name";
        if !db.exists(touch, params![&name, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from mail_templates where name = ?", params![&name])?;
        Ok(NoContent)
    })
}

/// What fills a template for a look at it.
#[derive(Input)]
#[input(example = r#"{"name": "Asha", "variables": {"temple": "Somnath", "opens": "7:00", "day": "Monday"}}"#)]
pub struct MailPreview {
    /// The recipient's address; an example's when it is not sent.
    email: Option<Email>,
    /// The recipient's name.
    name: Option<Name>,
    /// Names and values.
    variables: Option<JsonObject>,
}

/// A mail as it would be sent.
#[derive(Serialize, ToSchema)]
pub struct FilledMail {
    /// The subject.
    #[schema(example = "Your booking of 4 February")]
    subject: String,
    /// The plain text.
    #[schema(example = "Namaste Asha, the gate opens at 06:00.")]
    text: String,
    /// The same as HTML; null when the template has none.
    #[schema(example = "<p>Namaste Asha, the gate opens at 06:00.</p>")]
    html: Option<String>,
}

/// Fills a template, and sends nothing.
#[utoipa::path(post, path = "/v0/api/mail/templates/{name}/preview")]
pub async fn preview(_: Caller<Admin>, Path(name): Path<String>, Body(preview): Body<MailPreview>) -> Answer<Json<FilledMail>> {
    let template = find(&Database, &name)?;
    let content = Written::kept(&template.name, template.subject, template.text, template.html)?;
    let variables = content.variables(preview.variables.as_ref())?;
    let email = preview.email.as_deref().unwrap_or("somebody@example.com");
    let url = unsubscribe_link::url("https://gatehouse.example", "an-example");
    let Mail { subject, text, html } = content.fill(email, preview.name.as_deref(), &variables, Some(&url)).map_err(Problem::invalid)?;
    Ok(Json(FilledMail { subject, text, html }))
}
