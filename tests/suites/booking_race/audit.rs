//! Replays the audit log of a slot, commit by commit, against the rule of the waitlist.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::Connection;

/// Who waits: number, in the order in which they came, to id and party.
type Waiting = BTreeMap<i64, (String, i64)>;

struct Row {
    action: String,
    id: String,
    status: String,
    from: Option<String>,
    no: i64,
    party: i64,
}

/// How often what happened.
#[derive(Debug, Default)]
pub struct Counts {
    /// Bookings that got places at once.
    pub booked: usize,
    /// Bookings that had to wait.
    pub waited: usize,
    /// Those of them that moved up.
    pub promoted: usize,
    /// Bookings that were given back.
    pub cancelled: usize,
    /// Times that somebody who did not fit was passed over.
    pub passed_over: usize,
}

/// The rule: places that come free are offered in the order in which people began to wait; who fits takes them, who does not is passed
/// over and keeps their place in the line.
fn next_promoted(waiting: &Waiting, mut left: i64) -> (VecDeque<String>, usize) {
    let mut up = VecDeque::new();
    let mut passed = 0;
    let mut passed_over = 0;
    for (id, party) in waiting.values() {
        if *party <= left {
            left -= party;
            passed_over += passed;
            passed = 0;
            up.push_back(id.clone());
        } else {
            passed += 1;
        }
    }
    (up, passed_over)
}

/// Replays all that happened to this temple's one slot. Panics at the first commit after which it was sold beyond its capacity, or
/// somebody waited who would have fitted, or somebody moved up out of turn.
pub fn replay(db: &Connection, site: &str, capacity: i64) -> Counts {
    let mut counts = Counts::default();
    let mut waiting = Waiting::new();
    let mut due = VecDeque::new();
    let mut left = capacity;
    for row in rows(db, site) {
        let Row { action, id, status, from, no, party } = row;
        match (action.as_str(), from.as_deref(), status.as_str()) {
            ("updated", Some("waitlisted"), "confirmed") => {
                assert_eq!(due.pop_front(), Some(id), "moved up out of turn; these wait: {waiting:?}");
                waiting.remove(&no);
                left -= party;
                counts.promoted += 1;
            }
            (action, from, status) => {
                assert!(due.is_empty(), "{due:?} were to move up before {action} {id}");
                match (action, from, status) {
                    ("created", None, "confirmed") => {
                        left -= party;
                        counts.booked += 1;
                    }
                    ("created", None, "waitlisted") => {
                        waiting.insert(no, (id, party));
                        counts.waited += 1;
                    }
                    ("updated", Some("confirmed"), "cancelled") => {
                        left += party;
                        let (up, passed_over) = next_promoted(&waiting, left);
                        due = up;
                        counts.cancelled += 1;
                        counts.passed_over += passed_over;
                    }
                    ("updated", Some("waitlisted"), "cancelled") => {
                        waiting.remove(&no);
                        counts.cancelled += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(left >= 0, "sold beyond its capacity by {}", -left);
        // Between commits; within one, those who are due have yet to take what came free.
        let fits = waiting.values().find(|(_, party)| due.is_empty() && *party <= left);
        assert!(fits.is_none(), "{left} places are left, and {fits:?} waits");
    }
    assert!(due.is_empty(), "{due:?} were to move up");
    counts
}

fn rows(db: &Connection, site: &str) -> Vec<Row> {
    let sql = "select a.action, a.subject, a.detail ->> 'status', a.detail ->> 'from', b.no, b.party_size
         from audit_log a join bookings b on b.id = a.subject
         where a.entity = 'bookings' and b.site = ? order by a.id";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([site], |row| {
        Ok(Row { action: row.get(0)?, id: row.get(1)?, status: row.get(2)?, from: row.get(3)?, no: row.get(4)?, party: row.get(5)? })
    });
    rows.unwrap().map(Result::unwrap).collect()
}
