//! What a gate scanned while it was offline.

use std::collections::BTreeMap;

use axum::Json;
use domain::booking::parse_code;
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::db::{self, Database, Transaction};
use kit::input::{self, At, Field, Input, List, Recent, SchemaRef, Schemas, Slug, Text, Timestamp, Value};
use kit::problem::FieldErrors;
use kit::request::{Body, Now};
use kit::{Answer, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{NONCE_USED, Unanswered, Verdict};
use super::overrule::MAX_REASON;
use super::refused::{Refused, RefusedBooking};
use super::scans::{EntryScan, Nonce, decide_entry};
use crate::temple::{Temple, UNKNOWN_TIME_ZONE};
use crate::ticket::{self, Keys};

/// The scans that one upload may have.
const MAX_SCANS: usize = 500;

/// How long a gate may have been offline, milliseconds.
const MAX_OFFLINE_MS: i64 = 7 * DAY_MS;

/// Scans of a gate that was offline.
#[derive(Input)]
#[input(
    example = r#"{"temple_id": "somnath", "gate": "North", "scans": [{"nonce": "5f0c9a1e-77b4", "booking": "K7P2-9QXM", "scanned_at": "2026-02-04T10:30:00Z"}]}"#
)]
pub struct ScanBatch {
    /// Where the gate is.
    temple_id: Slug,
    /// The gate's name, for the record.
    gate: Option<Text<1, 64>>,
    /// What is wrong with one of them is told in its result.
    scans: List<SentScan, 1, MAX_SCANS>,
}

/// A scan of a gate that was offline, of a ticket or of a typed code.
#[derive(Input)]
#[input(check, example = r#"{"nonce": "5f0c9a1e-77b4", "booking": "K7P2-9QXM", "scanned_at": "2026-02-04T10:30:00Z"}"#)]
pub struct OfflineScan {
    /// Drawn by the gate for each scan: the same one gets the first answer again.
    nonce: Nonce,
    /// By the gate's clock, which may be 5 minutes ahead; at most 7 days ago.
    scanned_at: Recent,
    /// The text of the QR code.
    #[input(alias("token"))]
    ticket: Option<Text<1, 1000>>,
    /// The booking's id or code; required without a ticket.
    #[input(alias("booking_id", "booking_code"))]
    booking: Option<Text<1, 64>>,
    /// Why an operator let them in although the gate said no, as `POST /api/bookings/{id}/override` takes it.
    override_reason: Option<Text<1, MAX_REASON>>,
}

impl OfflineScan {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.ticket.is_some() || self.booking.is_some(), "ticket", "or booking is required");
        // What a gate says of long ago would make somebody come in time who did not come.
        at.check_field(self.scanned_at.0 >= at.now_ms() - MAX_OFFLINE_MS, "scanned_at", "must not be over 7 days ago");
    }

    fn into_entry(self, gate: Option<&str>) -> EntryScan {
        EntryScan {
            nonce: self.nonce.to_string(),
            booking: self.booking.map(|typed| parse_code(&typed).unwrap_or_else(|| typed.into_string())),
            ticket: self.ticket.map(Text::into_string),
            gate: gate.map(str::to_owned),
            at: self.scanned_at.0,
            reason: self.override_reason.map(Text::into_string),
        }
    }
}

/// An [`OfflineScan`], or what is wrong with it.
pub struct SentScan {
    nonce: Option<String>,
    read: Result<OfflineScan, FieldErrors>,
}

impl Field for SentScan {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let nonce = value.get("nonce").and_then(Value::as_str).map(|nonce| nonce.trim().to_owned());
        Some(Self { nonce, read: input::parse_value(value, at.now_ms()) })
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        input::reference::<OfflineScan>(schemas)
    }
}

/// What became of the scans.
#[derive(Serialize, ToSchema)]
pub struct ScanResults {
    /// How many were let in or out.
    accepted: usize,
    /// How many were refused, or could not be decided.
    refused: usize,
    /// In the order in which the scans were sent.
    results: Vec<ScanResult>,
}

/// What became of a scan.
#[derive(Serialize, ToSchema)]
pub struct ScanResult {
    /// Its place in the upload, from 0.
    index: usize,
    /// The scan's own `nonce`; null when it had none that can be read.
    nonce: Option<String>,
    /// What the gate is to know.
    outcome: ScanOutcome,
    /// Why it was refused: as at the gate itself, or `unknown_booking`, or `invalid`.
    reason: Option<&'static str>,
    /// The booking's id; null when it is not known.
    booking_id: Option<String>,
    /// Whether this is the answer of an earlier scan with this nonce.
    replayed: bool,
    /// Of a scan that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scanned_at: Option<Timestamp>,
    /// Why it was refused, in a sentence, with the slot's time, and the time and the gate of an earlier check-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// The booking that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RefusedBooking>, nullable = false)]
    booking: Option<serde_json::Value>,
    /// Of one that could not be decided: the reasons by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<BTreeMap<String, Vec<String>>>,
}

/// What the gate is to know of a scan.
#[derive(Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanOutcome {
    /// The pilgrim came in.
    CheckedIn,
    /// See `reason`.
    Refused,
}

/// Takes what a gate scanned while it was offline.
///
/// Each scan is decided by itself, an override as at the gate itself, by the time that the gate gives it; earlier ones first, so that of two with one ticket the first is let
/// in.
#[utoipa::path(post, path = "/api/bookings/checkin/batch", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn check_in_batch(caller: Caller<Operator>, Now(now): Now, Body(batch): Body<ScanBatch>) -> Answer<Json<ScanResults>> {
    let keys = ticket::keys().await?;
    let temple = Temple::in_body(&Database, &batch.temple_id)?;
    let mut results = Vec::with_capacity(batch.scans.len());
    let mut entries = Vec::with_capacity(batch.scans.len());
    for (index, scan) in batch.scans.into_iter().enumerate() {
        match scan.read {
            Ok(scan) => entries.push((index, scan.into_entry(batch.gate.as_deref()))),
            Err(errors) => results.push(undecided(index, scan.nonce, "invalid", Problem::invalid(errors))),
        }
    }
    entries.sort_by_key(|(index, entry)| (entry.at, *index));
    let decided = db::transaction(|db| {
        let decide = |(index, entry): &(usize, EntryScan)| decide(db, &keys, &temple, *index, entry, &caller.0.id, now);
        entries.iter().map(decide).collect::<Result<Vec<_>, Problem>>()
    })?;
    results.extend(decided);
    results.sort_by_key(|result| result.index);
    let accepted = results.iter().filter(|result| result.outcome == ScanOutcome::CheckedIn).count();
    Ok(Json(ScanResults { accepted, refused: results.len() - accepted, results }))
}

/// The result of one scan. An error is one of ours, and undoes the whole upload.
fn decide(
    db: &Transaction,
    keys: &Keys,
    temple: &Temple,
    index: usize,
    entry: &EntryScan,
    actor: &str,
    now: i64,
) -> Result<ScanResult, Problem> {
    let nonce = || Some(entry.nonce.clone());
    match decide_entry(db, keys, temple, entry, actor, now) {
        Ok(Verdict { outcome, booking, replayed }) => {
            let refused = outcome.err();
            let (reason, told) = refused.map_or((None, None), |Refused { reason, told }| (Some(reason.into_str()), Some(told)));
            let (detail, refused_booking) = told.map_or((None, None), |told| (Some(told.detail), told.booking));
            Ok(ScanResult {
                index,
                nonce: nonce(),
                outcome: if reason.is_none() { ScanOutcome::CheckedIn } else { ScanOutcome::Refused },
                reason,
                booking_id: booking,
                replayed,
                scanned_at: Some(Timestamp(entry.at)),
                detail,
                booking: refused_booking,
                errors: None,
            })
        }
        Err(Unanswered::Failed(problem)) => Err(problem),
        Err(Unanswered::NonceUsed) => Ok(undecided(index, nonce(), "invalid", Problem::invalid_field("nonce", NONCE_USED))),
        Err(unknown @ Unanswered::UnknownBooking) => Ok(undecided(index, nonce(), "unknown_booking", unknown.into())),
    }
}

fn undecided(index: usize, nonce: Option<String>, reason: &'static str, problem: Problem) -> ScanResult {
    ScanResult {
        index,
        nonce,
        outcome: ScanOutcome::Refused,
        reason: Some(reason),
        booking_id: None,
        replayed: false,
        scanned_at: None,
        detail: Some(problem.detail().to_owned()),
        booking: None,
        errors: Some(problem.errors().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_scan_leaves_the_others_be() {
        let body = r#"{"temple_id": "somnath", "scans": [7, {"nonce": " n1 "}, {"nonce": "n2", "token": "t", "scanned_at": "1970-01-01T00:04:00Z"}]}"#;
        let batch: ScanBatch = input::parse(body.as_bytes(), 0).unwrap();
        let errors: Vec<_> = batch.scans.iter().filter_map(|scan| scan.read.as_ref().err()).map(|errors| errors.keys().cloned()).collect();
        let errors: Vec<Vec<String>> = errors.into_iter().map(Iterator::collect).collect();
        assert_eq!(errors, [vec!["body"], vec!["scanned_at"]]);
        assert_eq!(batch.scans[1].nonce.as_deref(), Some("n1"));
        assert!(batch.scans[2].read.is_ok());
    }
}
