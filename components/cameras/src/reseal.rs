//! Credentials that are sealed with another key than the newest, sealed anew.

use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, host, params};

use crate::credentials::{Keys, Sealed};

/// Credentials that one run seals anew.
const MOST: usize = 100;

/// Cameras that are read in one statement.
const PAGE: i64 = 100;

/// Pages that one run reads: of an installation whose key is lost, most open no more.
const PAGES: usize = 20;

#[derive(FromRow)]
struct Old {
    camera_id: String,
    credentials: Vec<u8>,
    credentials_key: String,
}

const AFTER: &str = "select camera_id, credentials, credentials_key from cameras indexed by cameras_by_credentials_key
     where credentials_key is not null and credentials_key <> ?1 and (credentials_key, camera_id) > (?2, ?3)
     order by credentials_key, camera_id limit ?4";

/// Seals anew; how many. What none of the keys opens stays as it is, keeps no other waiting, and the log says so.
pub async fn run() -> Answer<usize> {
    let keys = Keys::load().await?;
    let (mut resealed, mut unopened) = (0, 0_usize);
    let mut after = (String::new(), String::new());
    let mut first: Option<(String, Option<String>)> = None;
    for _ in 0..PAGES {
        let old: Vec<Old> = Database.fetch_all(AFTER, params![keys.id(), &after.0, &after.1, PAGE])?;
        let Some(last) = old.last() else { break };
        after = (last.credentials_key.clone(), last.camera_id.clone());
        for Old { camera_id, credentials, credentials_key } in old {
            let sealed = Sealed { bytes: credentials, key: credentials_key };
            let open = match keys.open(&camera_id, &sealed) {
                Ok(open) => open,
                Err(problem) => {
                    unopened += 1;
                    first.get_or_insert_with(|| (camera_id, problem.cause().map(str::to_owned)));
                    continue;
                }
            };
            let new = keys.seal(&camera_id, &open)?;
            // Whoever has changed them meanwhile goes before.
            Database.run(
                "update cameras set credentials = ?2, credentials_key = ?3 where camera_id = ?1 and credentials = ?4",
                params![camera_id, new.bytes, new.key, sealed.bytes],
            )?;
            resealed += 1;
        }
        if resealed >= MOST {
            break;
        }
    }
    if let Some((camera_id, cause)) = first {
        let fields = serde_json::json!({ "cameras": unopened, "camera_id": camera_id, "cause": cause });
        host::log("error", "credentials cannot be opened", fields);
    }
    Ok(resealed)
}
