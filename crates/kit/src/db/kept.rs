//! The connection that an instance keeps for single statements.
//!
//! A connection to a remote database (libSQL) can die: its stream there expires when it is idle, or the server is started again. All
//! that is run on it afterwards fails. So whatever fails for a reason that is not the statement's own ends the connection, and what
//! surely has not run is run once more on a new one.

use std::cell::RefCell;
use std::rc::Rc;

use super::backend::Connection;
use super::{DbError, patience};
use crate::migrate;

thread_local! {
    static KEPT: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
}

/// Works on the kept connection, which is opened when there is none. `work` runs `sql` and nothing else that changes anything.
pub fn with<T>(sql: &str, work: impl Fn(&Connection) -> Result<T, DbError>) -> Result<T, DbError> {
    let connection = kept()?;
    match work(&connection) {
        Err(error) if error.is_of_the_connection() => {
            forget(&connection);
            if is_read(sql) || error.was_before_the_statement() { work(&*kept()?) } else { Err(error) }
        }
        done => done,
    }
}

/// A connection with a transaction open, which holds the writers' lock. The schema is there.
pub fn begin() -> Result<Connection, DbError> {
    kept()?;
    begin_once().or_else(|error| if error.is_of_the_connection() { begin_once() } else { Err(error) })
}

fn begin_once() -> Result<Connection, DbError> {
    let connection = Connection::open()?;
    patience::retry(|| connection.control("begin immediate"))?;
    Ok(connection)
}

/// The first call of an instance migrates.
fn kept() -> Result<Rc<Connection>, DbError> {
    if let Some(connection) = KEPT.with_borrow(Clone::clone) {
        return Ok(connection);
    }
    let connection = Rc::new(migrate::connect()?);
    KEPT.set(Some(Rc::clone(&connection)));
    Ok(connection)
}

/// Unless another request has put a new one in its place.
fn forget(connection: &Rc<Connection>) {
    KEPT.with_borrow_mut(|kept| {
        if kept.as_ref().is_some_and(|kept| Rc::ptr_eq(kept, connection)) {
            *kept = None;
        }
    });
}

/// Whether it surely changes nothing: a statement may also begin with `with` and change something.
pub fn is_read(sql: &str) -> bool {
    sql.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_changes_nothing_is_a_read() {
        assert!(is_read("select 1") && is_read("\n  SELECT\n1"));
        assert!(!is_read("with x as (select 1) delete from a") && !is_read("insert into a select 1") && !is_read(""));
    }
}
