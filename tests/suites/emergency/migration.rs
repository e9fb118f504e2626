//! The table of emergencies is made anew by a migration: what refers to it stays.

use std::fs;

use gatehouse_tests::root;
use rusqlite::Connection;

const MIGRATION: &str = "_emergencies_without_refusal.sql";

fn apply(db: &Connection, sql: &str) {
    db.execute_batch(&format!("begin immediate;\n{sql}\ncommit;")).expect("the migration");
}

#[test]
fn emergencies_of_before_keep_their_history_their_crews_and_their_incidents() {
    let mut files: Vec<_> = fs::read_dir(root().join("migrations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let at = files.iter().position(|path| path.to_string_lossy().ends_with(MIGRATION)).expect("the migration");
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch("pragma foreign_keys = on").unwrap();
    for file in &files[..at] {
        apply(&db, &fs::read_to_string(file).unwrap());
    }
    db.execute_batch(
        "insert into sites (slug, name, kind, latitude, longitude, time_zone, capacity, created_at, updated_at, updated_by)
         values ('somnath', 'Somnath', 'temple', 20.888, 70.4013, 'Asia/Kolkata', 100, 1, 1, 'a');
         insert into resources (id, site, type, name, created_at, created_by, updated_at, updated_by)
         values ('r', 'somnath', 'ambulance', 'A1', 1, 'a', 1, 'a');
         insert into emergencies (id, site, type, severity, description, latitude, longitude, reported_by, created_at, updated_at, updated_by)
         values ('e', 'somnath', 'medical', 'critical', 'He fell', 20.888, 70.4013, 'u', 2, 2, 'u');
         insert into assignments (emergency_id, resource_id, assigned_at, assigned_by) values ('e', 'r', 3, 'a');
         update emergencies set status = 'acknowledged', acknowledged_at = 4, acknowledged_by = 'a', updated_at = 4, updated_by = 'a';
         insert into incidents (id, site, type, severity, title, emergency_id, occurred_at, created_at, created_by, updated_at, updated_by)
         values ('i', 'somnath', 'medical', 'low', 'A fall', 'e', 2, 5, 'a', 5, 'a');",
    )
    .unwrap();
    apply(&db, &fs::read_to_string(&files[at]).unwrap());

    let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
    assert_eq!(text("select group_concat(action) from emergency_history"), "reported,assigned,acknowledged");
    assert_eq!(text("select emergency_id from assignments where released_at is null"), "e");
    assert_eq!(text("select emergency_id from incidents"), "e");
    let document: serde_json::Value = serde_json::from_str(&text("select document from emergency_documents")).unwrap();
    assert_eq!((&document["status"], &document["description"]), (&"acknowledged".into(), &"He fell".into()));
    assert_eq!((&document["location"]["lat"], &document["location_approximate"]), (&20.888.into(), &true.into()));
    assert_eq!(document["resources"][0]["resource_id"], "r");
    // References are judged as before, and told of as before.
    assert!(db.prepare("pragma foreign_key_check").unwrap().query([]).unwrap().next().unwrap().is_none());
    assert!(db.execute("delete from emergencies", []).unwrap_err().to_string().contains("FOREIGN KEY"));
    db.execute_batch("update emergencies set status = 'false_alarm', closed_at = 6, closed_by = 'a', updated_at = 6, updated_by = 'a'")
        .unwrap();
    assert_eq!(text("select group_concat(action) from emergency_history"), "reported,assigned,acknowledged,false_alarm,released");
}
