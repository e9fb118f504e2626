//! `pg_dump --inserts`: statement by statement, by a parser of PostgreSQL's SQL.

use std::io::{BufRead, Read as _};

use anyhow::{Context as _, Result, anyhow, bail};
use sqlparser::ast::{Expr, Insert, ObjectName, ObjectNamePart, SetExpr, Statement, TableObject, UnaryOperator, Value};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Tokenizer;

use super::{Columns, MAX_RECORD, Sink, Wanted};
use crate::value::{Fields, Old};

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// The columns that `create table` statements name, by table.
pub fn columns(reader: impl BufRead, columns: &mut Columns) -> Result<()> {
    statements(reader, &mut |text| {
        // The other statements of a schema are of no interest, and not all of them are in the parser's reach.
        if !begins_with(text, "create") {
            return Ok(());
        }
        for statement in Parser::parse_sql(&DIALECT, text).unwrap_or_default() {
            if let Statement::CreateTable(table) = statement {
                columns.insert(table_name(&table.name), table.columns.into_iter().map(|column| column.name.value).collect());
            }
        }
        Ok(())
    })
}

pub fn each(reader: impl BufRead, columns: &Columns, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
    statements(reader, &mut |text| {
        if begins_with(text, "copy") {
            bail!("has COPY blocks: dump it with `pg_dump --data-only --column-inserts`");
        }
        if !begins_with(text, "insert") || named_table(text).is_some_and(|table| !wanted(&table)) {
            return Ok(());
        }
        let statement = Parser::parse_sql(&DIALECT, text).with_context(|| format!("in the statement {:?}", start(text)))?;
        for statement in statement {
            if let Statement::Insert(insert) = statement {
                rows(insert, columns, wanted, sink).with_context(|| format!("in the statement {:?}", start(text)))?;
            }
        }
        Ok(())
    })
}

/// Its first words: no value, which may be secret.
fn start(text: &str) -> String {
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn begins_with(text: &str, word: &str) -> bool {
    text.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

/// The table of an insert, by its third word, so that statements of no interest need no parsing. None where that is not plain.
fn named_table(text: &str) -> Option<String> {
    let name = text.split_whitespace().nth(2)?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    is_plain.then(|| name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Gives each statement. It ends with the line that ends with a semicolon and leaves no quote open.
fn statements(mut reader: impl BufRead, take: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let (mut text, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        // One byte more than is taken, so that what is too long is seen.
        let most = u64::try_from(MAX_RECORD)? + 1;
        if reader.by_ref().take(most).read_line(&mut line).context("is no text in UTF-8")? == 0 {
            break;
        }
        // Between statements: blank lines, comments, and what only psql understands.
        let is_between = text.is_empty() && (line.trim().is_empty() || line.starts_with("--") || line.starts_with('\\'));
        if is_between {
            continue;
        }
        text.push_str(&line);
        if text.len() > MAX_RECORD {
            bail!("has a statement of more than {MAX_RECORD} bytes");
        }
        // An open quote is an error of the tokenizer.
        if line.trim_end().ends_with(';') && Tokenizer::new(&DIALECT, &text).tokenize().is_ok() {
            take(&text)?;
            text.clear();
        }
    }
    if text.trim().is_empty() { Ok(()) } else { Err(anyhow!("ends within a statement")) }
}

fn rows(insert: Insert, columns: &Columns, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
    let TableObject::TableName(table) = &insert.table else { bail!("inserts into no table") };
    let table = table_name(table);
    if !wanted(&table) {
        return Ok(());
    }
    let named: Vec<String> = insert.columns.iter().map(table_name).collect();
    let names = if named.is_empty() { columns.get(&table) } else { Some(&named) };
    let names = names.with_context(|| {
        format!("the inserts into {table} name no columns: dump with --column-inserts, or give the file of `pg_dump --schema-only` as well")
    })?;
    let Some(SetExpr::Values(values)) = insert.source.map(|query| *query.body) else { bail!("inserts no values") };
    for row in values.rows {
        let values = row.content;
        if values.len() != names.len() {
            bail!("{} values for {} columns", values.len(), names.len());
        }
        let fields: Result<Fields> = names.iter().cloned().zip(values).map(|(name, value)| Ok((name, old(value)?))).collect();
        sink(&table, fields?)?;
    }
    Ok(())
}

/// A name without the schema before it.
fn table_name(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => ident.value.clone(),
        _ => String::new(),
    }
}

fn old(value: Expr) -> Result<Old> {
    match value {
        Expr::Value(value) => Ok(match value.value {
            Value::Null => Old::Null,
            Value::Boolean(value) => Old::Bool(value),
            Value::Number(digits, _) => number(digits),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) | Value::UnicodeStringLiteral(text) => Old::Text(text),
            _ => bail!("a value of a kind that pg_dump does not write"),
        }),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match old(*expr)? {
            Old::Int(number) => Ok(Old::Int(-number)),
            Old::Float(number) => Ok(Old::Float(-number)),
            Old::Text(digits) => Ok(Old::Text(format!("-{digits}"))),
            _ => bail!("minus before no number"),
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => old(*expr),
        Expr::TypedString(text) => Ok(text.value.into_string().map_or(Old::Null, Old::Text)),
        _ => bail!("a value that is computed"),
    }
}

/// A number as it is written: one with decimals stays a text, since money must not be rounded on its way.
fn number(digits: String) -> Old {
    digits.parse().map_or(Old::Text(digits), Old::Int)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    const DUMP: &str = r"--
-- PostgreSQL database dump
--

\restrict 8fQ

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

INSERT INTO public.slots_slot (id, slot_code, note, level, price, is_active, at) VALUES (1, 'A-1', 'it''s; on
two lines;
', -2, 12.50, true, '2026-02-04 10:30:00+00');
INSERT INTO public.slots_slot (id, slot_code) VALUES (2, NULL), (3, E'a\\b');
INSERT INTO public.django_session VALUES ('x', 'y');

\unrestrict 8fQ
";

    fn wanted_alone(content: &str, wanted: &str) -> Result<Vec<Fields>> {
        let mut found = Vec::new();
        each(content.as_bytes(), &Columns::new(), &|table| table == wanted, &mut |_, fields| {
            found.push(fields);
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn statements_are_read_with_their_quotes_and_lines() {
        let found = wanted_alone(DUMP, "slots_slot").unwrap();
        let text = |text: &str| Old::Text(text.into());
        let values: Vec<_> = found[0].iter().map(|(_, value)| value.clone()).collect();
        let note = text("it's; on\ntwo lines;\n");
        assert_eq!(values, [Old::Int(1), text("A-1"), note, Old::Int(-2), text("12.50"), Old::Bool(true), text("2026-02-04 10:30:00+00")]);
        assert_eq!(found[1], [("id".into(), Old::Int(2)), ("slot_code".into(), Old::Null)]);
        assert_eq!(found[2][1].1, text("a\\b"));
    }

    #[test]
    fn columns_are_named_or_known_and_never_guessed() {
        let error = wanted_alone(DUMP, "django_session").unwrap_err();
        assert!(format!("{error:#}").contains("--column-inserts"), "{error:#}");
        let schema = "CREATE TABLE public.zone (\n    id bigint NOT NULL,\n    name character varying(50) NOT NULL\n);\n";
        let found = read("all.sql", format!("{schema}INSERT INTO public.zone VALUES (7, 'B1');\n").as_bytes()).unwrap();
        assert_eq!(found, [("zone".to_owned(), vec![("id".into(), Old::Int(7)), ("name".into(), Old::Text("B1".into()))])]);
    }

    #[test]
    fn what_is_no_dump_of_inserts_is_refused() {
        for (content, part) in [
            ("COPY public.zone (id) FROM stdin;\n1\n\\.\n", "COPY"),
            ("INSERT INTO zone (id) VALUES (1", "ends within a statement"),
            ("INSERT INTO zone (id) VALUES (1, 2);\n", "2 values for 1 columns"),
            ("INSERT INTO zone (id) VALUES (now());\n", "computed"),
            ("INSERT INTO zone (id) SELECT 1;\n", "inserts no values"),
        ] {
            let error = format!("{:#}", wanted_alone(content, "zone").unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
