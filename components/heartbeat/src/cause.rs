//! What a message tells, by the present state of its cause: what is no longer true is not told, and what has changed is told as it is now.

mod group;

use domain::alert_group;
use domain::dispatch::{ALERT_TOPICS, ENDED_TOPICS, untrue};
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::channels::{Content, is_read_by_people};
pub use group::Groups;
use group::{Group, Member};

/// What is to become of a message that is due.
pub enum Verdict {
    /// It is sent with this.
    Tell(Content),
    /// It is not sent, for this reason.
    Drop(&'static str),
}

/// The cause of a message, as it is now.
#[derive(FromRow)]
pub struct Cause {
    /// The message's id.
    pub id: String,
    channel: String,
    topic: String,
    level: i64,
    caused_at: i64,
    /// As it was when it was written down.
    payload: String,
    /// As it is now; none for what has no state of its own.
    document: Option<String>,
    status: Option<String>,
    /// Whether the alert is less than critical by now.
    is_lowered: bool,
    /// Whether the alert is past its end.
    is_expired: bool,
    group_id: Option<i64>,
    /// Whether a later message tells this contact of the same group.
    is_superseded: bool,
}

/// Reads the causes of these messages; `messages` is their ids as JSON. The ids of alerts, emergencies, bookings, reservations and mails are
/// unique among them all.
pub fn read(messages: &str, now: i64) -> Result<Vec<Cause>, Problem> {
    Database.fetch_all(
        "select m.id, m.channel, o.topic, o.level, o.created_at as caused_at, o.payload, o.group_id,
             coalesce(
                 (select document from alert_documents where id = o.subject), (select document from emergency_documents where id = o.subject),
                 (select document from mail_documents where id = o.subject)
             ) as document,
             coalesce(a.status, (select status from emergencies where id = o.subject), (select status from bookings where id = o.subject),
                 (select status from reservations where id = o.subject), (select status from mail_documents where id = o.subject)) as status,
             coalesce(a.severity <> 'critical', 0) as is_lowered, coalesce(a.expires_at <= ?2, 0) as is_expired,
             o.group_id is not null and exists (
                 select 1 from outbox later join messages l on l.outbox_id = later.id
                 where later.group_id = o.group_id and later.id > o.id and l.channel = m.channel and l.contact = m.contact
             ) as is_superseded
         from messages m join outbox o on o.id = m.outbox_id left join alerts a on a.id = o.subject
         where m.id in (select value from json_each(?1))",
        params![messages, now],
    )
}

impl Cause {
    /// Judges it.
    pub fn judge(self, groups: &mut Groups) -> Result<Verdict, Problem> {
        let has_ended = ENDED_TOPICS.contains(&self.topic.as_str());
        if self.is_superseded && !has_ended {
            return Ok(Verdict::Drop("a later message tells of more"));
        }
        if let Some(id) = self.group_id
            && let Some(group) = groups.find(id)?
            && group.members.len() > 1
        {
            return Ok(if has_ended { self.end_of(group) } else { self.of(group) });
        }
        // Programs are told of each event; a person of what is.
        let is_event = !is_read_by_people(&self.channel) && (self.topic.starts_with("booking.") || self.topic.starts_with("reservation."));
        if !is_event && let Some(reason) = untrue(&self.topic, self.status.as_deref()) {
            return Ok(Verdict::Drop(reason));
        }
        if ALERT_TOPICS.contains(&self.topic.as_str()) {
            if self.is_expired {
                return Ok(Verdict::Drop("the alert had ended before it was told"));
            }
            if self.is_lowered {
                return Ok(Verdict::Drop("the alert was no longer critical before it was told"));
            }
        }
        let told = if has_ended { over(self.current()) } else { None };
        Ok(Verdict::Tell(self.content(told, None)))
    }

    /// The alerts of a group that are still open.
    fn of(self, group: &Group) -> Verdict {
        let is_escalated = self.level > 0;
        let open: Vec<&Member> = group.members.iter().filter(|member| member.is_open(is_escalated)).collect();
        let Some(first) = open.first() else { return Verdict::Drop("the alerts had ended before they were told") };
        let document = first.document.clone().unwrap_or_else(|| self.current().to_owned());
        let told = (open.len() > 1)
            .then(|| reworded(&document, &alert_group::trouble(&group.alert_type, open.len(), group.site_name(), first.name()), None));
        let summary = group.summary(&open);
        let mut content = self.content(told.flatten(), Some(summary));
        if let Ok(document) = RawValue::from_string(document) {
            content.payload = document;
        }
        Verdict::Tell(content)
    }

    /// That a group is over, or nearly so.
    fn end_of(self, group: &Group) -> Verdict {
        let open: Vec<&Member> = group.members.iter().filter(|member| member.is_open(false)).collect();
        let left = open.first().map(|first| (open.len(), first.name()));
        let words = alert_group::recovery(&group.alert_type, group.members.len(), group.site_name(), left);
        let told = reworded(self.current(), &words, Some("info"));
        let summary = group.summary(&open);
        Verdict::Tell(self.content(told, Some(summary)))
    }

    /// As it is now; what is gone, as it was.
    fn current(&self) -> &str {
        self.document.as_deref().unwrap_or(&self.payload)
    }

    fn content(self, told: Option<Box<RawValue>>, group: Option<Value>) -> Content {
        // A booking's or a refund's notice is what it was when it was written; what is no JSON goes out as a text.
        let current = self.current();
        let payload = RawValue::from_string(current.to_owned()).or_else(|_| serde_json::value::to_raw_value(current));
        Content {
            topic: self.topic,
            level: self.level,
            created_at: self.caused_at,
            payload: payload.unwrap_or_default(),
            told,
            group: group.and_then(|group| serde_json::value::to_raw_value(&group).ok()),
        }
    }
}

/// The end of one alert or emergency, in words for people.
fn over(document: &str) -> Option<Box<RawValue>> {
    let document_value: Value = serde_json::from_str(document).ok()?;
    let text = |name: &str| document_value.get(name).and_then(Value::as_str);
    let words = match (text("message"), text("type")) {
        (Some(message), _) => format!("Over: {message}"),
        (None, Some(kind)) => {
            let said = text("description").map(|words| format!(": {words}")).unwrap_or_default();
            format!("Over: SOS, {}{said}", kind.replace('_', " "))
        }
        (None, None) => return None,
    };
    reworded(document, &words, Some("info"))
}

/// The document with other words. Where many are told of, their zones are not the first one's.
fn reworded(document: &str, words: &str, severity: Option<&str>) -> Option<Box<RawValue>> {
    let mut document: Value = serde_json::from_str(document).ok()?;
    let fields = document.as_object_mut()?;
    fields.insert("message".to_owned(), json!(words));
    if let Some(severity) = severity {
        fields.insert("severity".to_owned(), json!(severity));
    } else {
        fields.remove("zones");
    }
    serde_json::value::to_raw_value(&document).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(topic: &str, status: Option<&str>) -> Cause {
        Cause {
            id: "m-1".to_owned(),
            channel: "sms".to_owned(),
            topic: topic.to_owned(),
            level: 0,
            caused_at: 0,
            payload: r#"{"id":"a-1","message":"as it was","severity":"critical"}"#.to_owned(),
            document: Some(r#"{"id":"a-1","message":"as it is","severity":"critical"}"#.to_owned()),
            status: status.map(str::to_owned),
            is_lowered: false,
            is_expired: false,
            group_id: None,
            is_superseded: false,
        }
    }

    fn told(cause: Cause) -> Option<Content> {
        match cause.judge(&mut Groups::default()).unwrap() {
            Verdict::Tell(content) => Some(content),
            Verdict::Drop(_) => None,
        }
    }

    fn group(statuses: &[&str]) -> Group {
        let member = |(number, status): (usize, &&str)| Member {
            id: format!("a-{number}"),
            status: Some((*status).to_owned()),
            subject: Some(format!("D-{number}")),
            message: Some(format!("D-{number} is silent")),
            document: Some(format!(r#"{{"id":"a-{number}","message":"D-{number} is silent","severity":"critical","zones":["B1"]}}"#)),
        };
        Group {
            alert_type: "device_offline".to_owned(),
            site: Some("city".to_owned()),
            site_name: Some("City Centre".to_owned()),
            members: statuses.iter().enumerate().map(member).collect(),
        }
    }

    #[test]
    fn it_is_told_as_it_is_now_or_not_at_all() {
        assert!(told(cause("alert.critical", Some("active"))).unwrap().payload.get().contains("as it is"));
        assert!(told(cause("alert.critical", Some("resolved"))).is_none());
        assert!(told(Cause { is_lowered: true, ..cause("alert.critical", Some("active")) }).is_none());
        assert!(told(Cause { is_expired: true, ..cause("alert.critical", Some("active")) }).is_none());
        let gone = Cause { document: None, status: None, ..cause("alert.resolved", None) };
        assert!(told(gone).unwrap().for_people().contains("Over: as it was"));
    }

    #[test]
    fn a_program_is_told_of_each_event_and_a_person_of_what_is() {
        let cancelled = || cause("booking.confirmed", Some("cancelled"));
        assert!(told(cancelled()).is_none());
        assert!(told(Cause { channel: "webhook".to_owned(), ..cancelled() }).is_some());
    }

    #[test]
    fn a_group_tells_of_those_that_are_open() {
        let Verdict::Tell(content) = cause("device.offline", Some("resolved")).of(&group(&["resolved", "active", "acknowledged"])) else {
            panic!("two are open")
        };
        assert!(content.for_people().contains("2 devices of City Centre are offline, first D-1"), "{}", content.for_people());
        assert!(!content.for_people().contains("B1"));
        assert!(content.payload.get().contains("a-1"), "programs have the alert itself");
        let Verdict::Tell(content) = cause("device.offline", None).of(&group(&["resolved", "active"])) else { panic!("one is open") };
        assert!(content.for_people().contains("D-1 is silent"));
        assert!(matches!(cause("device.offline", None).of(&group(&["resolved", "resolved"])), Verdict::Drop(_)));
        let rung = Cause { level: 1, ..cause("alert.escalated", None) };
        assert!(matches!(rung.of(&group(&["acknowledged", "resolved"])), Verdict::Drop(_)));
    }

    #[test]
    fn the_end_of_a_group_says_what_is_left() {
        let words = |statuses: &[&str]| match cause("alert.resolved", None).end_of(&group(statuses)) {
            Verdict::Tell(content) => content.for_people().to_owned(),
            Verdict::Drop(reason) => reason.to_owned(),
        };
        assert!(words(&["resolved", "resolved"]).contains("Over: all 2 devices of City Centre are back"));
        assert!(words(&["resolved", "active"]).contains("1 of 2 devices of City Centre are back, 1 not yet, first D-1"));
    }
}
