//! Addresses that get no mail.

use axum::extract::Path;
use domain::mail::SuppressionReason;
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{Email, Input, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// An address that gets no mail.
#[derive(Serialize, FromRow, ToSchema)]
pub struct MailSuppression {
    /// The address, in lower case.
    #[row(column = "address")]
    email: String,
    /// Why. Who has `unsubscribed` gets mails to one person all the same.
    reason: SuppressionReason,
    /// What the receiver's server said, or the administrator; null when nothing was said.
    detail: Option<String>,
    /// When it was put there.
    created_at: Timestamp,
    /// Who put it there: an account's id, `recipient`, or `sendgrid`.
    created_by: String,
}

/// Which addresses.
#[derive(Input)]
pub struct Filters {
    /// Only those that are there for this reason.
    reason: Option<SuppressionReason>,
    /// The whole address.
    email: Option<Email>,
}

/// Lists the suppression list by address.
#[utoipa::path(get, path = "/v0/api/mail/suppressions")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<MailSuppression>> {
    let Filters { reason, email } = &listing.filters;
    let start = "select address, reason, detail, created_at, created_by from mail_suppressions where address > coalesce(?, '')";
    let addresses = Select::new(start, params![listing.after_text(0)])
        .and_if("address = ?", email.as_ref())
        .and_if("reason = ?", *reason)
        .fetch(&Database, "address", listing.fetch())?;
    Ok(listing.page(addresses, |entry: &MailSuppression| [entry.email.clone()]))
}

/// An address that is to get no mail.
#[derive(Input)]
#[input(read_only("created_at", "created_by"))]
#[input(example = r#"{"email": "asha.patel@example.org", "detail": "asked for it by phone"}"#)]
pub struct NewMailSuppression {
    /// The address.
    email: Email,
    /// `manual` unless it says otherwise.
    reason: Option<SuppressionReason>,
    /// In a sentence.
    detail: Option<Text<1, 500>>,
}

const INSERT: &str = "insert into mail_suppressions (address, reason, detail, created_at, created_by)
     values (?, ?, ?, ?, ?) on conflict do nothing returning address, reason, detail, created_at, created_by";

/// Puts an address on the suppression list: what waits to be sent to it is not sent either.
#[utoipa::path(post, path = "/v0/api/mail/suppressions", responses((status = 409, description = "The address is on the list already.")))]
pub async fn add(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewMailSuppression>) -> Answer<Created<MailSuppression>> {
    let reason = new.reason.unwrap_or(SuppressionReason::Manual);
    let added = Database.fetch_optional(INSERT, params![&new.email, reason, new.detail, now, &caller.0.id])?;
    added.map(Created).ok_or_else(|| Problem::conflict("the address is on the list already"))
}

/// Takes an address off the suppression list.
#[utoipa::path(delete, path = "/v0/api/mail/suppressions/{email}")]
pub async fn remove(caller: Caller<Admin>, Path(email): Path<String>, Now(now): Now) -> Answer<NoContent> {
    db::transaction(|db| {
        let removed: Option<MailSuppression> = db.fetch_optional(
            "delete from mail_suppressions where address = ? returning address, reason, detail, created_at, created_by",
            params![email.trim()],
        )?;
        let removed = removed.ok_or_else(|| Problem::not_found("address on the suppression list"))?;
        db.run(
            "insert into audit_log (at, actor, action, entity, subject, detail)
             values (?, ?, 'deleted', 'mail_suppressions', ?, json_object('reason', ?))",
            params![now, &caller.0.id, removed.email, removed.reason],
        )?;
        Ok(NoContent)
    })
}
