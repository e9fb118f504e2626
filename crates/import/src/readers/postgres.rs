//! A PostgreSQL server: its tables as they are at one moment, each row as the JSON that the server makes of it.

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

mod server;

use server::Server;

use super::{Sink, Wanted};
use crate::value::{Fields, Old};

/// Tables of applications: neither the server's own nor views.
const TABLES: &str = "select table_schema, table_name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by table_schema, table_name";

/// Runs to its end on the calling thread, which must not be one of an asynchronous runtime's.
pub fn each(address: &str, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(read(address, wanted, sink))
}

async fn read(address: &str, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
    let (mut client, connection) = connect(&Server::parse(address)?).await.context("cannot connect")?;
    {
        let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
        for table in snapshot.query(TABLES, &[]).await? {
            let (schema, table): (&str, &str) = (table.try_get(0)?, table.try_get(1)?);
            if !wanted(table) {
                continue;
            }
            let select = format!("select row_to_json(t)::text from {}.{} t", quoted(schema), quoted(table));
            let rows = snapshot.query_raw(&select, std::iter::empty::<&str>()).await?;
            futures::pin_mut!(rows);
            while let Some(row) = rows.try_next().await? {
                let text: &str = row.try_get(0)?;
                sink(table, fields(text)?)?;
            }
        }
    }
    drop(client);
    connection.await?.context("the connection broke")
}

/// A client, and what becomes of its connection.
async fn connect(server: &Server) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>)> {
    Ok(match &server.tls {
        Some(authorities) => {
            let (client, connection) = server.config.connect(MakeRustlsConnect::new(authorities.client_config()?)).await?;
            (client, tokio::spawn(connection))
        }
        None => {
            let (client, connection) = server.config.connect(NoTls).await?;
            (client, tokio::spawn(connection))
        }
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The row's fields. Numbers with decimals stay texts: money must not be rounded on its way.
fn fields(json: &str) -> Result<Fields> {
    let row: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
    row.into_iter()
        .map(|(name, value)| {
            let text = value.get();
            let is_decimal = text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.parse::<i64>().is_err();
            let value = if is_decimal { Old::Text(text.to_owned()) } else { Old::from_json(serde_json::from_str(text)?) };
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_not_rounded() {
        let found = fields(r#"{"id": 7, "price": 12.50, "big": 0.1000000000000000055, "name": "a", "at": null, "is": true}"#).unwrap();
        let value = |name: &str| found.iter().find(|(field, _)| field == name).unwrap().1.clone();
        assert_eq!((value("id"), value("price"), value("is")), (Old::Int(7), Old::Text("12.50".into()), Old::Bool(true)));
        assert_eq!(value("big"), Old::Text("0.1000000000000000055".into()));
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
