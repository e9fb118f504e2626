//! `spin:key-value`: stores in a SQLite file of their own.

mod host;
mod storage;

pub use self::host::{KeyValueAccess, KeyValueHost, KeyValueView};
pub use self::storage::KeyValue;
