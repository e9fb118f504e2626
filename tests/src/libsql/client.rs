//! The client, with the ways and the words of the crate `libsql` 0.5 (`hrana/mod.rs`, `hrana/stream.rs`, `parser.rs`).

use fallible_iterator::FallibleIterator as _;
use gatehouse::RemoteRows;
use libsql_sqlite3_parser::ast::{Cmd, PragmaBody, QualifiedName, Stmt};
use libsql_sqlite3_parser::lexer::sql::{Error, Parser, ParserError};
use rusqlite::types::Value as Plain;
use serde_json::{Value, json};

use super::values;

/// A connection: a stream at the server, which the baton of each answer names for the next request.
pub struct Connection {
    origin: String,
    http: reqwest::Client,
    baton: Option<String>,
}

impl Connection {
    pub fn new(origin: String) -> Self {
        gatehouse::tls::install();
        // Of its own, as each connection of libsql has its own.
        let http = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build().expect("an HTTP client");
        Self { origin, http, baton: None }
    }

    /// Sends a statement as [`parse`] gave it, and reads its rows.
    pub async fn query(&mut self, sql: String, parameters: Vec<Plain>) -> Result<RemoteRows, String> {
        let args: Vec<Value> = parameters.iter().map(values::to_json).collect();
        let step = json!({ "stmt": { "sql": sql, "args": args, "named_args": [], "want_rows": true } });
        let body = json!({ "baton": self.baton, "batch": { "steps": [step] } });
        let lines = self.send("/v3/cursor", &body).await.map_err(|error| format!("Hrana: `{error}`"))?;
        let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        let head = lines.next().ok_or("Hrana: `cursor error: `cursor stream ended prematurely``")?;
        self.baton = head["baton"].as_str().map(str::to_owned);
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        for entry in lines {
            match entry["type"].as_str().unwrap_or_default() {
                "step_begin" => {
                    let names = entry["cols"].as_array().into_iter().flatten();
                    columns = names.map(|col| col["name"].as_str().unwrap_or_default().to_owned()).collect();
                }
                "row" => {
                    let row = entry["row"].as_array().into_iter().flatten();
                    rows.push(row.map(|value| values::from_json(value).expect("a value")).collect());
                }
                "step_error" => {
                    let (code, message) = (entry["error"]["code"].as_str(), entry["error"]["message"].as_str());
                    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
                    return Err(format!("Hrana: `cursor error: `error at step 0: (error code: {code}) `{message}```"));
                }
                // How many rows it changed is in "step_end", which the client does not look at.
                _ => {}
            }
        }
        Ok((columns, rows))
    }

    async fn send(&self, path: &str, body: &Value) -> Result<String, String> {
        let request = self.http.post(format!("{}{path}", self.origin)).json(body);
        let response = request.send().await.map_err(|error| {
            let why = if error.is_connect() {
                "error trying to connect: tcp connect error"
            } else {
                "connection closed before message completed"
            };
            format!("http error: `{why}`")
        })?;
        let status = response.status();
        let text = response.text().await.map_err(|error| format!("http error: `{error}`"))?;
        // The baton is kept: what comes next fails like this again.
        if status.is_success() { Ok(text) } else { Err(format!("api error: `status={status}, body={text}`")) }
    }
}

impl Drop for Connection {
    /// Says that the stream is over; nobody waits for the answer.
    fn drop(&mut self) {
        if let (Some(baton), Ok(runtime)) = (self.baton.take(), tokio::runtime::Handle::try_current()) {
            let body = json!({ "baton": baton, "requests": [{ "type": "close" }] });
            runtime.spawn(self.http.post(format!("{}/v3/pipeline", self.origin)).json(&body).send());
        }
    }
}

/// The statement as it is sent, or why it is refused before it is.
pub fn parse(sql: &str) -> Result<String, String> {
    let mut parser = Box::new(Parser::new(sql.as_bytes()));
    let command = match parser.next() {
        Ok(Some(command)) => command,
        Ok(None) => return Err("API misuse: `no SQL statement provided`".to_owned()),
        Err(Error::ParserError(ParserError::SyntaxError { found: Some(found), .. }, Some((line, column)))) => {
            return Err(format!("syntax error around L{line}:{column}: `{found}`"));
        }
        Err(error) => return Err(format!("sqlite3 parser error: `{error}`")),
    };
    if !is_supported(&command) {
        return Err("unsupported statement".to_owned());
    }
    match command {
        Cmd::Stmt(Stmt::CreateTable { .. }) => Ok(sql.to_owned()),
        command => Ok(command.to_string()),
    }
}

fn is_supported(command: &Cmd) -> bool {
    match command {
        Cmd::Explain(_) | Cmd::ExplainQueryPlan(_) => true,
        Cmd::Stmt(Stmt::Pragma(name, body)) => is_supported_pragma(name, body.as_ref()),
        Cmd::Stmt(statement) => matches!(
            statement,
            Stmt::Begin(..)
                | Stmt::Commit(..)
                | Stmt::Rollback { .. }
                | Stmt::Savepoint(..)
                | Stmt::Release(..)
                | Stmt::CreateVirtualTable { .. }
                | Stmt::CreateTable { temporary: false, .. }
                | Stmt::Insert { .. }
                | Stmt::Update { .. }
                | Stmt::Delete { .. }
                | Stmt::Select(..)
                | Stmt::DropTable { .. }
                | Stmt::AlterTable(..)
                | Stmt::DropIndex { .. }
                | Stmt::DropTrigger { .. }
                | Stmt::CreateTrigger { temporary: false, .. }
                | Stmt::CreateIndex { .. }
                | Stmt::CreateView { temporary: false, .. }
                | Stmt::DropView { .. }
        ),
    }
}

/// Of those that the application has any use for.
fn is_supported_pragma(name: &QualifiedName, body: Option<&PragmaBody>) -> bool {
    match name.name.0.as_str() {
        "defer_foreign_keys" | "foreign_keys" | "foreign_key_check" | "integrity_check" | "quick_check" | "user_version" | "page_count"
        | "freelist_count" | "table_info" | "index_list" => true,
        "journal_mode" | "synchronous" | "busy_timeout" | "page_size" | "application_id" => body.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_parser_refuses_what_libsql_refuses() {
        let ordered = parse("select json_group_array(x order by y) from a").unwrap_err();
        assert!(ordered.contains("near ORDER"), "{ordered}");
        assert_eq!(parse("pragma journal_mode = wal").unwrap_err(), "unsupported statement");
        assert_eq!(parse("pragma defer_foreign_keys = on").unwrap(), "PRAGMA defer_foreign_keys = ON;");
        assert_eq!(parse("select json_group_array(x) from (select x from a order by y)").map(|_| ()), Ok(()));
    }
}
