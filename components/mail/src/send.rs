//! Sending: to one person, and to many.

use std::collections::HashSet;

use domain::mail::{Kind, MAX_RECIPIENTS, MailStatus};
use kit::caller::{Admin, Caller};
use kit::db::{Database, Executor, Fetch as _, Transaction};
use kit::idempotency::{Idempotent, Once};
use kit::input::{self, At, Email, Field, Input, JsonObject, List, SchemaRef, Schemas, Value};
use kit::problem::FieldErrors;
use kit::request::{Now, RequestId};
use kit::row::FromRow;
use kit::tally::Tally;
use kit::{Answer, Problem, host, outbox, params};
use serde::Serialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::letter::{Content, Name, Written};
use crate::messages::{self, MailMessage};
use crate::unsubscribe_link::{self, Links};

/// A mail to one person.
#[derive(Input)]
#[input(example = r#"{"to": "asha.patel@example.org", "subject": "Your lost bag", "text": "It was found at the north gate."}"#)]
pub struct NewMail {
    /// The address.
    #[input(alias("email"), alias("recipient"), alias("to_email"))]
    to: Email,
    /// The person's name.
    name: Option<Name>,
    #[input(flatten)]
    content: Content,
}

/// A mail to many.
#[derive(Input)]
#[input(example = r#"{
    "subject": "The temple opens at 7", "text": "From Monday on the temple opens at 7.",
    "recipients": ["asha.patel@example.org", {"email": "ravi@example.org", "name": "Ravi"}]
}"#)]
pub struct NewBulkMail {
    /// Addresses, or objects of `email`, `name` and `variables`; each is judged by itself.
    #[input(alias("emails"), alias("to"))]
    recipients: List<MailRecipient, 1, MAX_RECIPIENTS>,
    #[input(flatten)]
    content: Content,
}

/// One of many: what is wrong with it concerns no other.
struct MailRecipient(Result<OneOfMany, FieldErrors>);

/// A recipient, with what is theirs.
#[derive(Input)]
struct OneOfMany {
    /// The address.
    email: Email,
    /// The person's name.
    name: Option<Name>,
    /// What fills the template for them; it goes before the `variables` of the request.
    variables: Option<JsonObject>,
}

impl Field for MailRecipient {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let object;
        let value = match value {
            Value::String(email) => {
                object = json!({ "email": email });
                &object
            }
            other => other,
        };
        Some(Self(input::parse_value(value, at.now_ms())))
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        input::any_of_schemas([<Email as Field>::schema(schemas), input::reference::<OneOfMany>(schemas)])
    }
}

/// What became of the recipients of a mail to many.
#[derive(Serialize, ToSchema)]
pub struct BulkMail {
    /// Finds its mails in the list of messages.
    #[schema(example = "019c2848-5c40-7000-8000-000000000001")]
    batch_id: String,
    /// How many of the accepted ones are not sent, since they are on the suppression list.
    #[schema(example = 1)]
    suppressed: usize,
    #[serde(flatten)]
    tally: Tally,
}

/// A mail that is about to be stored.
#[derive(Serialize)]
struct Addressed {
    id: String,
    address: String,
    name: Option<String>,
    variables: Map<String, Value>,
    url: Option<String>,
}

const INSERT_BATCH: &str = "insert into mail_batches (id, kind, template, subject, text, html, reply_to, created_at, created_by)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// `?1` the mails as JSON, `?2` the batch, `?3` its kind, `?4` now.
const INSERT_MAILS: &str = "insert into mail_messages (id, batch_id, address, name, variables, unsubscribe_url, status, error, created_at, updated_at)
     select value ->> 'id', ?2, value ->> 'address', value ->> 'name', value ->> 'variables', value ->> 'url',
         iif(reason is null, 'queued', 'suppressed'), 'the address is on the suppression list: ' || reason, ?4, ?4
     from (select value, (select reason from mail_suppressed where address = value ->> 'address' and kind = ?3) as reason from json_each(?1))
     where true
     returning status";

#[derive(FromRow)]
struct Stored {
    status: MailStatus,
}

/// Stores the mails of a request; how many of them are not sent. Their triggers write the outbox.
fn store(db: &Transaction, kind: Kind, batch: &str, written: Written, mails: &[Addressed], by: &str, now: i64) -> Answer<usize> {
    let Written { template, subject, text, html, reply_to, .. } = written;
    db.run(INSERT_BATCH, params![batch, kind, template, subject, text, html, reply_to, now, by])?;
    let mails = serde_json::to_string(mails).map_err(Problem::internal)?;
    let stored: Vec<Stored> = db.fetch_all(INSERT_MAILS, params![mails, batch, kind, now])?;
    Ok(stored.iter().filter(|mail| mail.status == MailStatus::Suppressed).count())
}

/// Sends a mail to one person.
///
/// It is delivered as every message is, with retries; how far it is, is at `GET /v0/api/mail/messages/{id}`. To an address on the suppression
/// list nothing is sent, unless its owner only wants no mails to many.
#[utoipa::path(post, path = "/v0/api/mail/auth/send-email")]
pub async fn send(
    caller: Caller<Admin>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    request: Idempotent<NewMail>,
) -> Answer<Once<MailMessage>> {
    let sent = request.once(&caller.0, |db, NewMail { to, name, content }| {
        let written = Written::of(content, db)?;
        let variables = written.variables(None)?;
        written.fill(&to, name.as_deref(), &variables, None).map_err(Problem::invalid)?;
        let (id, batch) = (host::new_id(now)?, host::new_id(now)?);
        let name = name.as_deref().map(str::to_owned);
        let mail = Addressed { id: id.clone(), address: to.to_string(), name, variables, url: None };
        store(db, Kind::Single, &batch, written, &[mail], &caller.0.id, now)?;
        messages::find(db, &id)
    })?;
    if sent.is_new() {
        outbox::wake_dispatcher(request_id);
    }
    Ok(sent)
}

/// Sends a mail to many, each by itself.
///
/// Up to 1,000 recipients, each judged alone: the answer names each rejected index and why, and the others are sent. An address that stands
/// there twice gets one. Every mail carries the way to get no more of them, for one click in the reader's program (RFC 8058). How far each
/// is, is at `GET /v0/api/mail/messages` with this `batch_id`.
#[utoipa::path(
    post,
    path = "/v0/api/mail/auth/send-bulk-email",
    responses((status = 503, description = "The variable `public_origin` is not set, or the database is busy or cannot be reached."))
)]
pub async fn send_bulk(
    caller: Caller<Admin>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    request: Idempotent<NewBulkMail>,
) -> Answer<Once<BulkMail>> {
    if let Some(kept) = request.replay(&caller.0)? {
        return Ok(kept);
    }
    let (origin, links) = (unsubscribe_link::origin().await?, Links::load().await?);
    let NewBulkMail { recipients, content } = request.body()?;
    let written = Written::of(content, &Database)?;
    // Before the transaction: a template may take its time with a thousand, for which nobody else's writes are to wait.
    let (mails, tally) = address(recipients, &written, |email| unsubscribe_link::url(&origin, &links.token(email)), now)?;
    let sent = request.once(&caller.0, |db, _| {
        let batch_id = host::new_id(now)?;
        let suppressed = store(db, Kind::Bulk, &batch_id, written, &mails, &caller.0.id, now)?;
        Ok::<_, Problem>(BulkMail { batch_id, suppressed, tally })
    })?;
    if sent.is_new() {
        outbox::wake_dispatcher(request_id);
    }
    Ok(sent)
}

/// The mails of those who can be sent one, each with their own address to get no more of them, and what became of all recipients.
fn address(
    recipients: impl IntoIterator<Item = MailRecipient>,
    written: &Written,
    way_out: impl Fn(&str) -> String,
    now: i64,
) -> Answer<(Vec<Addressed>, Tally)> {
    let mut tally = Tally::default();
    let mut seen = HashSet::new();
    let mut mails = Vec::new();
    for (index, MailRecipient(recipient)) in recipients.into_iter().enumerate() {
        let OneOfMany { email, name, variables } = match recipient {
            Ok(recipient) => recipient,
            Err(errors) => {
                tally.reject_fields(index, errors);
                continue;
            }
        };
        let variables = written.variables(variables.as_ref())?;
        let url = way_out(&email);
        if let Err(errors) = written.fill(&email, name.as_deref(), &variables, Some(&url)) {
            tally.reject_fields(index, errors);
        } else if seen.insert(email.to_string()) {
            let name = name.as_deref().map(str::to_owned);
            mails.push(Addressed { id: host::new_id(now)?, address: email.to_string(), name, variables, url: Some(url) });
        } else {
            tally.duplicate += 1;
        }
    }
    tally.accepted = mails.len();
    Ok((mails, tally))
}
