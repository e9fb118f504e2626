//! `/metrics`, in the text format of Prometheus (0.0.4), or in OpenMetrics 1.0 for those who ask for it, as Prometheus itself does.
//!
//! Open to whoever reaches it, and without anything personal: keep it behind the proxy.

use std::fmt;

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use kit::request::Now;
use kit::scheduled::LastRun;
use kit::{Answer, Problem};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::figures::{Counts, Figures, TableSize};

/// Returns the metrics, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "Prometheus text 0.0.4, or OpenMetrics 1.0 when `Accept` asks for it.", content_type = "text/plain", body = String),
))]
pub async fn metrics(Now(now): Now, headers: HeaderMap) -> Answer<Response> {
    let figures = Figures::read(now)?;
    let text = encode(figures).map_err(Problem::internal)?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, text) = if accept.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", classic(&text))
    };
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// The same in the older format, where a counter's type is said of its whole name, and units and the end are not said.
fn classic(open_metrics: &str) -> String {
    let counters: Vec<&str> = open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let about = ["# HELP ", "# TYPE "].into_iter().find_map(|start| Some((start, line.strip_prefix(start)?.split_once(' ')?)));
        match about {
            Some((start, (name, rest))) if counters.contains(&name) => text.push_str(&format!("{start}{name}_total {rest}")),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn encode(figures: Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("gatehouse");
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric needs no more than 53 bits")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn by_label(encoder: &mut DescriptorEncoder, name: &str, help: &str, label: &str, counts: &Counts) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Gauge)?;
    for (value, count) in counts {
        let labels = [(label, *value)];
        ConstGauge::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// What only rises.
fn counted_by_label(encoder: &mut DescriptorEncoder, name: &str, help: &str, label: &str, counts: &Counts) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Counter)?;
    for (value, count) in counts {
        ConstCounter::new(u64::try_from(*count).unwrap_or_default()).encode(family.encode_family(&[(label, *value)])?)?;
    }
    Ok(())
}

/// When each component's last good run ended; a component that has had none yet has no sample.
fn last_runs(encoder: &mut DescriptorEncoder, runs: &[LastRun]) -> fmt::Result {
    let (name, help) =
        ("scheduled_run_last_success_timestamp", "When the last good scheduled run of a component ended, seconds since 1970");
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), prometheus_client::metrics::MetricType::Gauge)?;
    for run in runs {
        if let Some(at) = run.finished_at {
            ConstGauge::new(seconds(at)).encode(family.encode_family(&[("component", run.component)])?)?;
        }
    }
    Ok(())
}

/// What is known of the tables' sizes; a table that was not looked at yet has no sample.
fn table_sizes(encoder: &mut DescriptorEncoder, tables: &[TableSize]) -> fmt::Result {
    let is_table = |size: &&TableSize| !size.name.is_empty();
    let help = "Rows of a table, as heartbeat's scheduled run last found them";
    let mut family = encoder.encode_descriptor("table_rows", help, None, prometheus_client::metrics::MetricType::Gauge)?;
    for size in tables.iter().filter(is_table) {
        ConstGauge::new(size.row_count).encode(family.encode_family(&[("table", size.name.as_str())])?)?;
    }
    let (name, help) = ("table_size", "Bytes of a table and its indexes, as heartbeat's scheduled run last found them");
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), prometheus_client::metrics::MetricType::Gauge)?;
    for size in tables.iter().filter(is_table) {
        ConstGauge::new(size.bytes).encode(family.encode_family(&[("table", size.name.as_str())])?)?;
    }
    if let Some(free) = tables.iter().find(|size| size.name.is_empty()) {
        one(encoder, "database_free_pages", "Pages of the database's file that hold nothing", None, &ConstGauge::new(free.row_count))?;
    }
    Ok(())
}

fn one(encoder: &mut DescriptorEncoder, name: &str, help: &str, unit: Option<&Unit>, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        let mut info =
            encoder.encode_descriptor("build_info", "The version that runs", None, prometheus_client::metrics::MetricType::Gauge)?;
        ConstGauge::new(1_i64).encode(info.encode_family(&build)?)?;

        let counter = |count: i64| ConstCounter::new(u64::try_from(count).unwrap_or_default());
        one(encoder, "readings", "Readings stored", None, &counter(self.totals.readings))?;
        let help = "Messages over MQTT, and readings of their batches, that were refused, by reason";
        counted_by_label(encoder, "mqtt_rejected", help, "reason", &self.mqtt_rejected_by_reason)?;
        by_label(encoder, "devices", "Active devices by health", "health", &self.devices_by_health)?;
        by_label(encoder, "spots", "Parking spots by status", "status", &self.spots_by_status)?;
        by_label(encoder, "alerts_open", "Alerts not resolved by severity", "severity", &self.open_alerts_by_severity)?;
        one(encoder, "alert_steps", "Steps in the histories of alerts", None, &counter(self.totals.alert_steps))?;
        by_label(encoder, "emergencies_open", "Emergencies that are not over by status", "status", &self.emergencies_by_status)?;
        by_label(encoder, "crowd_zones", "Zones that are counted by level", "level", &self.crowd_zones_by_level)?;
        one(encoder, "bookings", "Darshan bookings made, also those that wait", None, &counter(self.totals.bookings))?;
        one(
            encoder,
            "gate_overrides",
            "Bookings that an operator let in although the gate said no",
            None,
            &counter(self.totals.gate_overrides),
        )?;
        one(encoder, "bookings_waiting", "Bookings on waitlists", None, &ConstGauge::new(self.totals.bookings_waiting))?;
        one(encoder, "people_inside", "People let in at gates and not out again", None, &ConstGauge::new(self.totals.people_inside))?;
        one(encoder, "reservations", "Reservations of spots made", None, &counter(self.totals.reservations))?;
        by_label(encoder, "reservations_live", "Reservations that keep a spot by status", "status", &self.reservations_by_status)?;
        by_label(encoder, "payments_open", "Payments not settled by state", "state", &self.payments_by_state)?;
        by_label(encoder, "messages", "Messages not sent by state", "state", &self.messages_by_state)?;
        one(encoder, "outbox", "Things written to the outbox", None, &counter(self.totals.outbox))?;
        one(encoder, "outbox_waiting", "Rows of the outbox without messages yet", None, &ConstGauge::new(self.totals.outbox_waiting))?;
        let age = ConstGauge::new(seconds(self.totals.oldest_message_age_ms));
        one(encoder, "oldest_unsent_message_age", "Age of the oldest message still to be sent", Some(&Unit::Seconds), &age)?;
        one(encoder, "events", "Events written to the feed", None, &counter(self.totals.events))?;
        one(encoder, "audit_entries", "Entries written to the audit trail", None, &counter(self.totals.audited))?;
        one(encoder, "scheduled_runs", "Good scheduled runs of heartbeat", None, &counter(self.totals.scheduled_runs))?;
        if let Some(age_ms) = self.totals.scheduled_run_age_ms {
            let age = ConstGauge::new(seconds(age_ms));
            one(encoder, "scheduled_run_age", "Time since the last good scheduled run of heartbeat", Some(&Unit::Seconds), &age)?;
        }
        last_runs(encoder, &self.scheduled_runs)?;
        table_sizes(encoder, &self.tables)?;
        one(encoder, "schema_version", "Version of the database schema", None, &ConstGauge::new(self.totals.schema_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Totals;

    #[test]
    fn the_text_is_as_scrapers_read_it() {
        let totals =
            Totals { readings: 5, bookings: 7, people_inside: 4, oldest_message_age_ms: 1500, schema_version: 5, ..Totals::default() };
        let text = encode(Figures {
            totals,
            devices_by_health: vec![("healthy", 2), ("offline", 0)],
            spots_by_status: Vec::new(),
            open_alerts_by_severity: Vec::new(),
            emergencies_by_status: vec![("reported", 1)],
            crowd_zones_by_level: Vec::new(),
            reservations_by_status: Vec::new(),
            payments_by_state: Vec::new(),
            messages_by_state: Vec::new(),
            mqtt_rejected_by_reason: vec![("invalid", 3)],
            scheduled_runs: vec![
                LastRun { component: "auth", finished_at: Some(1_800_000_000_250), age_ms: 0 },
                LastRun { component: "crowd", finished_at: None, age_ms: 0 },
            ],
            tables: vec![
                TableSize { name: String::new(), row_count: 17, bytes: 0 },
                TableSize { name: "readings".to_owned(), row_count: 5, bytes: 4096 },
            ],
        })
        .unwrap();
        for line in [
            "# TYPE gatehouse_readings counter",
            "gatehouse_readings_total 5",
            "gatehouse_mqtt_rejected_total{reason=\"invalid\"} 3",
            "gatehouse_devices{health=\"healthy\"} 2",
            "gatehouse_devices{health=\"offline\"} 0",
            "gatehouse_oldest_unsent_message_age_seconds 1.5",
            "gatehouse_emergencies_open{status=\"reported\"} 1",
            "gatehouse_bookings_total 7",
            "gatehouse_people_inside 4",
            "# TYPE gatehouse_scheduled_run_last_success_timestamp_seconds gauge",
            "gatehouse_scheduled_run_last_success_timestamp_seconds{component=\"auth\"} 1800000000.25",
            "gatehouse_table_rows{table=\"readings\"} 5",
            "gatehouse_table_size_bytes{table=\"readings\"} 4096",
            "gatehouse_database_free_pages 17",
            "# EOF",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("scheduled_run_age") && !text.contains("component=\"crowd\""));
        let text = classic(&text);
        for line in ["# TYPE gatehouse_readings_total counter", "gatehouse_readings_total 5", "# TYPE gatehouse_devices gauge"] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
    }
}
