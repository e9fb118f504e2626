use axum::body::to_bytes;
use futures::executor::block_on;
use http::header::ACCEPT;
use serde_json::value::RawValue;

use super::write::inert;
use super::*;

#[derive(Serialize, ToSchema)]
struct Row {
    zone: String,
    change: f64,
    kind: Option<&'static str>,
}

table_row!(Row { zone, change, kind });

#[derive(Serialize, ToSchema)]
struct Rows {
    items: Vec<Row>,
}

impl Tabular for Rows {
    type Row = Row;
    const NAME: &'static str = "zones";

    fn into_rows(self) -> Vec<Row> {
        self.items
    }
}

fn row(zone: &str) -> Row {
    Row { zone: zone.to_owned(), change: -1.5, kind: None }
}

fn text(table: Answer<Table<Rows>>) -> Result<String, axum::Error> {
    let response = table.ok().unwrap().into_response();
    block_on(to_bytes(response.into_body(), usize::MAX)).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn the_path_says_the_form_and_else_what_is_accepted() {
    let mut headers = HeaderMap::new();
    assert_eq!(Format::of("/occupancy", &headers), Format::Json);
    headers.insert(ACCEPT, HeaderValue::from_static("text/html, application/x-ndjson;q=0.5, Text/CSV;q=0.9"));
    assert_eq!(Format::of("/occupancy", &headers), Format::Csv);
    assert_eq!(Format::of("/occupancy.ndjson", &headers), Format::Ndjson);
    for (accept, format) in
        [("*/*", Format::Json), ("application/json, text/csv", Format::Json), ("text/csv;q=0, */*;q=0.1", Format::Json), ("", Format::Json)]
    {
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(Format::accepted(&headers), format, "{accept}");
    }
}

#[test]
fn rows_are_written_with_their_head_and_no_cell_is_a_formula() {
    let rows = || Rows { items: vec![row("=1+1"), row("a,\"b\"\n")] };
    let csv = "zone,change,kind\r\n'=1+1,-1.5,\r\n\"a,\"\"b\"\"\n\",-1.5,\r\n";
    assert_eq!(text(Table::of(Format::Csv, rows())).unwrap(), csv);
    let ndjson = "{\"zone\":\"=1+1\",\"change\":-1.5,\"kind\":null}\n{\"zone\":\"a,\\\"b\\\"\\n\",\"change\":-1.5,\"kind\":null}\n";
    assert_eq!(text(Table::of(Format::Ndjson, rows())).unwrap(), ndjson);
    assert_eq!(text(Table::of(Format::Csv, Rows { items: Vec::new() })).unwrap(), "zone,change,kind\r\n");
    assert_eq!(text(Table::of(Format::Ndjson, Rows { items: Vec::new() })).unwrap(), "");
}

#[derive(Serialize)]
struct Line {
    at: i64,
    detail: Box<RawValue>,
}

impl TableRow for Line {
    const COLUMNS: &'static [&'static str] = &["detail", "at"];
    const LINE_END: Terminator = Terminator::Any(b'\n');
}

#[test]
fn a_file_has_the_columns_and_line_ends_of_its_rows_and_json_as_it_was_written() {
    let line = || Line { at: 5, detail: RawValue::from_string("{\"b\":1.0, \"a\":2}".to_owned()).unwrap() };
    let written = |format| {
        let response = file(format, "lines", vec![line()]).ok().unwrap();
        let name = response.headers()[CONTENT_DISPOSITION].to_str().unwrap().to_owned();
        let body = block_on(to_bytes(response.into_body(), usize::MAX)).unwrap();
        (name, String::from_utf8(body.to_vec()).unwrap())
    };
    let csv = "detail,at\n\"{\"\"b\"\":1.0, \"\"a\"\":2}\",5\n";
    assert_eq!(written(Format::Csv), ("attachment; filename=\"lines.csv\"".to_owned(), csv.to_owned()));
    let ndjson = "{\"at\":5,\"detail\":{\"b\":1.0, \"a\":2}}\n";
    assert_eq!(written(Format::Ndjson), ("attachment; filename=\"lines.ndjson\"".to_owned(), ndjson.to_owned()));
}

#[test]
fn many_rows_come_in_pieces_and_pages_without_rows_are_passed_over() {
    let mut pages = vec![Some(vec![row("a")]), Some(Vec::new()), Some(vec![row("b")]), None].into_iter();
    let streamed = text(Table::stream(Format::Ndjson, move || Ok(pages.next().flatten()))).unwrap();
    assert_eq!(streamed.lines().count(), 2);
    let many = Rows { items: (0..1_234).map(|number| row(&number.to_string())).collect() };
    assert_eq!(text(Table::of(Format::Csv, many)).unwrap().lines().count(), 1_235);
}

#[test]
fn what_cannot_be_read_is_refused_and_later_on_breaks_off() {
    let refused = Table::<Rows>::stream(Format::Csv, || Err(Problem::unavailable("busy", 1)));
    assert_eq!(refused.err().unwrap().status(), 503);
    let mut pages = 0;
    let broken = Table::stream(Format::Csv, move || {
        pages += 1;
        if pages > 1 { Err(Problem::unavailable("busy", 1)) } else { Ok(Some(vec![row("a")])) }
    });
    assert!(text(broken).is_err());
}

#[test]
fn signs_that_begin_formulas_are_led_by_an_apostrophe() {
    for risky in ["=1+1", "+1", "-1", "@sum(a1)", "  @sum(a1)", "\tx", "\rx", "\nx", "＝1"] {
        assert_eq!(inert(risky), format!("'{risky}"));
    }
    for good in ["somnath", "1-2", ""] {
        assert_eq!(inert(good), good);
    }
}
