//! The mails that were sent, or could not be: how far each is, and what the mail service reported.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::mail::{Kind, MailEvent, MailStatus};
use kit::caller::{Admin, Caller};
use kit::db::{Database, Executor, Fetch as _};
use kit::input::{Email, Id, Input, Timestamp};
use kit::page::{Listing, Order, Page};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A mail to one recipient.
#[derive(Serialize, FromRow, ToSchema)]
pub struct MailMessage {
    /// UUID.
    id: String,
    /// Of the request that it came with.
    batch_id: String,
    /// Whether it went to one or to many.
    kind: Kind,
    /// Where it stands.
    status: MailStatus,
    /// Why it was not sent, came back, or is tried again; null when nothing went wrong.
    error: Option<String>,
    /// The recipient's address.
    email: String,
    /// The recipient's name; null when it was not given.
    name: Option<String>,
    /// The template's name; null when the words were sent with the request.
    template: Option<String>,
    /// The subject, of a template as it was written.
    subject: String,
    /// When it was taken.
    created_at: Timestamp,
    /// When its status was last set.
    updated_at: Timestamp,
}

const SELECT: &str = "select m.id, m.batch_id, b.kind, m.status, m.error, m.address as email, m.name, b.template, b.subject, m.created_at,
         m.updated_at
     from mail_messages m join mail_batches b on b.id = m.batch_id where ";

/// A mail with what was reported of it.
#[derive(Serialize, ToSchema)]
pub struct MailDetail {
    #[serde(flatten)]
    message: MailMessage,
    /// The dispatcher's message, whose attempts are at `/api/dispatch/messages/{id}`; null while there is none.
    dispatch_id: Option<String>,
    /// What the mail service reported, the first first.
    events: Vec<ReportedEvent>,
}

/// What the mail service reported.
#[derive(Serialize, FromRow, ToSchema)]
pub struct ReportedEvent {
    /// What happened.
    event: MailEvent,
    /// What the receiver's server said; null when it said nothing.
    detail: Option<String>,
    /// When it happened.
    at: Timestamp,
}

/// Which mails.
#[derive(Input)]
pub struct Filters {
    /// Only those of this request.
    batch_id: Option<Id>,
    /// Only those to this address.
    email: Option<Email>,
    /// Only those that stand there.
    status: Option<MailStatus>,
    /// The newest first unless it says otherwise.
    order: Option<Order>,
}

/// Lists mails, each with its recipient and how far it is; the newest first.
#[utoipa::path(get, path = "/v0/api/mail/messages")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<MailMessage>> {
    let Filters { batch_id, email, status, order } = &listing.filters;
    let (start, order) = match order {
        Some(Order::Asc) => (concatcp!(SELECT, "m.id > coalesce(?, '')"), "m.id"),
        // Above every id in SQLite's order of text.
        _ => (concatcp!(SELECT, "m.id < coalesce(?, '~')"), "m.id desc"),
    };
    let mails = Select::new(start, params![listing.after_text(0)])
        .and_equal("m.batch_id", batch_id.as_ref())
        .and_equal("m.address", email.as_ref())
        .and_equal("m.status", *status)
        .fetch(&Database, order, listing.fetch())?;
    Ok(listing.page(mails, |mail: &MailMessage| [mail.id.clone()]))
}

/// The mail of this id.
pub fn find(db: &dyn Executor, id: &str) -> Answer<MailMessage> {
    db.fetch_optional(concatcp!(SELECT, "m.id = ?"), params![id])?.ok_or_else(|| Problem::not_found("mail"))
}

/// Returns a mail with what the mail service reported of it.
#[utoipa::path(get, path = "/v0/api/mail/messages/{id}")]
pub async fn read(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<MailDetail>> {
    let message = find(&Database, &id)?;
    let dispatched = "select m.id from outbox o join messages m on m.outbox_id = o.id where o.topic = 'mail.message' and o.subject = ?";
    let dispatch_id = Database.fetch_scalar(dispatched, params![&id])?;
    let events = Database.fetch_all("select event, detail, at from mail_events where message_id = ? order by at, id", params![id])?;
    Ok(Json(MailDetail { message, dispatch_id, events }))
}
