//! `/api/incidents/`: what has happened, written down by operators. Every version of each is kept.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use domain::emergency::Severity;
use domain::resource::is_type;
use domain::time::MINUTE_MS;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::{DbError, Transaction};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, host, params};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use strum::VariantNames as _;

const STATUSES: [&str; 2] = ["open", "closed"];

/// How far ahead of ours a sender's clock may be.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

fn not_found() -> Problem {
    Problem::not_found("incident")
}

/// GET `/api/incidents/`, the latest first; filters `temple_id`, `type`, `severity`, `status`, `emergency_id`, and `from` and `to` for
/// when it happened.
pub async fn list(_: Caller<Operator>, Query(query): Query) -> Answer<Page<Box<RawValue>>> {
    let listing = Listing::parse(&query, &["temple_id", "type", "severity", "status", "emergency_id", "from", "to"])?;
    let severity = listing.choice("severity", Severity::VARIANTS)?;
    let status = listing.choice("status", &STATUSES)?;
    let (from, to) = (listing.time("from")?, listing.time("to")?);
    let rows = Select::after(
        "select i.id, d.document, i.occurred_at from incidents i join incident_documents d on d.id = i.id
         where i.deleted_at is null and (i.occurred_at, i.id) < (coalesce(?, 9223372036854775807), coalesce(?, '~'))",
        vec![listing.after_int(0), listing.after_text(1)],
    )
    .and_if("i.site = ?", listing.filter("temple_id"))
    .and_if("i.type = ?", listing.filter("type"))
    .and_if("i.severity = ?", severity)
    .and_if("i.status = ?", status)
    .and_if("i.emergency_id = ?", listing.filter("emergency_id"))
    .and_if("i.occurred_at >= ?", from)
    .and_if("i.occurred_at < ?", to)
    .run("i.occurred_at desc, i.id desc", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.int(2)?, row.text(0)?])), |row| row.json(1))
}

/// GET `/api/incidents/{id}`: with its `history`, every version with who and when.
pub async fn detail(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let mut shown = document(db::run, &id)?;
    let rows = db::run("select at, actor, action, document from incident_history where incident_id = ? order by id", params![&id])?;
    let history = rows.iter().map(|row| {
        let document: Value = serde_json::from_str(row.text(3)?).map_err(Problem::internal)?;
        Ok(json!({ "at": row.time(0)?, "actor": row.text(1)?, "action": row.text(2)?, "incident": document }))
    });
    shown["history"] = history.collect::<Result<Vec<Value>, Problem>>()?.into();
    Ok(Json(shown))
}

fn document(run: impl FnOnce(&str, Vec<db::Value>) -> Result<db::Rows, DbError>, id: &str) -> Result<Value, Problem> {
    let rows = run(
        "select d.document from incident_documents d join incidents i on i.id = d.id where d.id = ? and i.deleted_at is null",
        params![id],
    )?;
    serde_json::from_str(rows.first().ok_or_else(not_found)?.text(0)?).map_err(Problem::internal)
}

/// What a body says of an incident; none where it says nothing.
struct Sent {
    temple: Option<String>,
    kind: Option<String>,
    severity: Option<&'static str>,
    title: Option<String>,
    description: Option<String>,
    actions: Option<String>,
    status: Option<String>,
    emergency: Option<String>,
    occurred_at: Option<i64>,
}

impl Sent {
    fn read(fields: &mut Fields, now: i64) -> Self {
        fields.alias("temple_id", "site").alias("type", "incident_type").alias("actions", "actions_taken");
        fields.alias("occurred_at", "timestamp");
        let severity = fields.opt_text("severity", 1..=20).map(|word| word.parse::<Severity>().ok());
        fields.check(severity != Some(None), "severity", "must be one of low, medium, high, critical");
        let sent = Self {
            temple: fields.opt_text("temple_id", 1..=64),
            kind: fields.opt_text("type", 1..=32),
            severity: severity.flatten().map(|severity| severity.into_str()),
            title: fields.opt_text("title", 1..=200),
            description: fields.opt_text("description", 1..=10_000),
            actions: fields.opt_text("actions", 1..=10_000),
            status: fields.opt_choice("status", &STATUSES),
            emergency: fields.opt_text("emergency_id", 1..=64),
            occurred_at: fields.opt_time("occurred_at"),
        };
        fields.check(sent.kind.as_deref().is_none_or(is_type), "type", "must be a lowercase word, such as fire or missing_person");
        fields.check(sent.occurred_at.is_none_or(|at| at <= now + AHEAD_MS), "occurred_at", "must not be over 5 minutes ahead");
        sent
    }

    /// 422 for each that there is not, since a broken foreign key does not say which it is.
    fn places_exist(&self, transaction: &Transaction) -> Result<(), Problem> {
        let mut fields = Fields::parse(b"{}")?;
        let rows = transaction.run(
            "select ?1 is null or exists (select 1 from sites where slug = ?1), ?2 is null or exists (select 1 from emergencies where id = ?2)",
            params![self.temple.as_deref(), self.emergency.as_deref()],
        )?;
        if let Some(row) = rows.first() {
            fields.check(row.bool(0)?, "temple_id", "there is no such temple");
            fields.check(row.bool(1)?, "emergency_id", "there is no such emergency");
        }
        fields.finish()
    }
}

/// POST `/api/incidents/`: `{temple_id, type, title, severity?, description?, actions?, status?, emergency_id?, occurred_at?}` → 201.
pub async fn create(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let sent = Sent::read(&mut fields, now);
    for (missing, field) in [(sent.temple.is_none(), "temple_id"), (sent.kind.is_none(), "type"), (sent.title.is_none(), "title")] {
        // A field that was sent and refused is named already.
        if missing && !fields.errors().contains_key(field) {
            fields.refuse(field, "is required");
        }
    }
    fields.finish()?;
    let id = host::new_id(now)?;
    let created = db::transaction(|transaction| {
        sent.places_exist(transaction)?;
        transaction.run(
            "insert into incidents (id, site, type, severity, title, description, actions, status, emergency_id, occurred_at, created_at,
                created_by, updated_at, updated_by)
             values (?1, ?2, ?3, coalesce(?4, 'medium'), ?5, ?6, ?7, coalesce(?8, 'open'), ?9, coalesce(?10, ?11), ?11, ?12, ?11, ?12)",
            params![
                &id,
                sent.temple,
                sent.kind,
                sent.severity,
                sent.title,
                sent.description,
                sent.actions,
                sent.status,
                sent.emergency,
                sent.occurred_at,
                now,
                &caller.0.id,
            ],
        )?;
        document(|sql, params| transaction.run(sql, params), &id)
    });
    Ok((StatusCode::CREATED, Json(created?)))
}

/// PATCH `/api/incidents/{id}`, also PUT: what is not sent stays; null empties an optional field. The version before stays in the history.
pub async fn change(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let mut fields = Fields::parse(&body)?;
    let sent = Sent::read(&mut fields, now);
    let [has_description, has_actions, has_emergency] = ["description", "actions", "emergency_id"].map(|field| fields.has(field));
    fields.finish()?;
    db::transaction(|transaction| {
        sent.places_exist(transaction)?;
        let changed = transaction.run(
            "update incidents set site = coalesce(?2, site), type = coalesce(?3, type), severity = coalesce(?4, severity),
                title = coalesce(?5, title), description = iif(?6, ?7, description), actions = iif(?8, ?9, actions),
                status = coalesce(?10, status), emergency_id = iif(?11, ?12, emergency_id), occurred_at = coalesce(?13, occurred_at),
                updated_at = ?14, updated_by = ?15
             where id = ?1 and deleted_at is null
             returning id",
            params![
                &id,
                sent.temple,
                sent.kind,
                sent.severity,
                sent.title,
                has_description,
                sent.description,
                has_actions,
                sent.actions,
                sent.status,
                has_emergency,
                sent.emergency,
                sent.occurred_at,
                now,
                &caller.0.id,
            ],
        )?;
        changed.first().ok_or_else(not_found)?;
        document(|sql, params| transaction.run(sql, params), &id)
    })
    .map(Json)
}

/// DELETE `/api/incidents/{id}` → 204: it is listed no more. Its history stays.
pub async fn delete(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<StatusCode> {
    let deleted = db::run(
        "update incidents set deleted_at = ?2, updated_at = ?2, updated_by = ?3 where id = ?1 and deleted_at is null returning id",
        params![&id, now, &caller.0.id],
    )?;
    deleted.first().ok_or_else(not_found)?;
    Ok(StatusCode::NO_CONTENT)
}
