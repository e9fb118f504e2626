//! Groups of alerts that one message tells of, as they are now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use const_format::concatcp;
use domain::alert_group::NAMED;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};
use serde_json::{Value, json};

use crate::expand::ALERT_TOPICS_SQL;

/// Groups that were looked up, by their ids: a storm has as many messages as there are contacts.
#[derive(Default)]
pub struct Groups(HashMap<i64, Group>);

/// A group of alerts, with its members in the order in which they were raised.
pub struct Group {
    pub alert_type: String,
    pub site: Option<String>,
    pub site_name: Option<String>,
    pub members: Vec<Member>,
}

/// An alert of a group; without a status it was deleted.
#[derive(FromRow)]
pub struct Member {
    pub id: String,
    pub status: Option<String>,
    pub subject: Option<String>,
    pub message: Option<String>,
    pub document: Option<String>,
}

#[derive(FromRow)]
struct GroupHead {
    alert_type: String,
    site: String,
    site_name: Option<String>,
}

const MEMBERS: &str = concatcp!(
    "select o.subject as id, a.status, a.subject, a.message, d.document
     from (select subject, min(id) as first from outbox where group_id = ?1 and topic in (",
    ALERT_TOPICS_SQL,
    ") group by subject) o
     left join alerts a on a.id = o.subject left join alert_documents d on d.id = o.subject
     order by o.first"
);

impl Groups {
    /// The group of this id.
    pub fn find(&mut self, id: i64) -> Result<Option<&Group>, Problem> {
        match self.0.entry(id) {
            Entry::Occupied(found) => Ok(Some(found.into_mut())),
            Entry::Vacant(place) => Ok(Group::read(id)?.map(|group| &*place.insert(group))),
        }
    }
}

impl Group {
    fn read(id: i64) -> Result<Option<Self>, Problem> {
        let head: Option<GroupHead> = Database.fetch_optional(
            "select g.alert_type, g.site, s.name as site_name from alert_groups g left join sites s on s.slug = g.site where g.id = ?",
            params![id],
        )?;
        let Some(GroupHead { alert_type, site, site_name }) = head else { return Ok(None) };
        let members = Database.fetch_all(MEMBERS, params![id])?;
        Ok(Some(Self { alert_type, site: (!site.is_empty()).then_some(site), site_name, members }))
    }

    /// What people call its site.
    pub fn site_name(&self) -> Option<&str> {
        self.site_name.as_deref().or(self.site.as_deref())
    }

    /// What programs are told of a group.
    pub fn summary(&self, open: &[&Member]) -> Value {
        let alerts: Vec<Value> = open
            .iter()
            .take(NAMED)
            .map(|member| json!({ "id": member.id, "subject": member.subject, "message": member.message }))
            .collect();
        json!({ "alert_type": self.alert_type, "site": self.site, "total": self.members.len(), "open": open.len(), "alerts": alerts })
    }
}

impl Member {
    /// Whether it is still to be told: on a rung of the ladder only what nobody has acknowledged.
    pub fn is_open(&self, is_escalated: bool) -> bool {
        match self.status.as_deref() {
            Some("active") => true,
            Some("acknowledged") => !is_escalated,
            _ => false,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.subject.as_deref().or(self.message.as_deref()).unwrap_or(&self.id)
    }
}
