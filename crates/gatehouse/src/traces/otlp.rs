//! The messages of OTLP, OpenTelemetry's protocol, in its JSON encoding (opentelemetry.io/docs/specs/otlp, version 1).

use serde::{Serialize, Serializer};

/// `opentelemetry.proto.trace.v1.Span`: a span that has ended.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// Empty in the first span of a trace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_span_id: String,
    /// The header `tracestate`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace_state: String,
    /// A name that many spans share.
    pub name: String,
    /// The side of a call.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub start_time_unix_nano: u128,
    /// Nanoseconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub end_time_unix_nano: u128,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Whether it failed; not said of those that went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// 64-bit numbers are texts in this encoding.
fn as_text<S: Serializer>(nanos: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(nanos)
}

/// `SpanKind`.
#[derive(Clone, Copy, Default)]
pub enum Kind {
    /// Work of the application's own.
    #[default]
    Internal = 1,
    /// A request that came in.
    Server = 2,
    /// A request that went out.
    Client = 3,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// `Status`.
#[derive(Clone, Copy, Serialize)]
pub struct Status {
    code: u8,
}

impl Status {
    /// `STATUS_CODE_ERROR`.
    pub const ERROR: Self = Self { code: 2 };
}

/// `KeyValue`.
#[derive(Serialize)]
pub struct Attribute {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: AttributeValue,
}

/// `AnyValue`.
#[derive(Serialize)]
pub enum AttributeValue {
    /// A text.
    #[serde(rename = "stringValue")]
    Text(String),
    /// A number.
    #[serde(rename = "intValue", serialize_with = "number_as_text")]
    Number(i64),
    /// A list of texts.
    #[serde(rename = "arrayValue")]
    List(Texts),
}

/// `ArrayValue`.
#[derive(Serialize)]
pub struct Texts {
    values: Vec<AttributeValue>,
}

fn number_as_text<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<String>> for AttributeValue {
    fn from(texts: Vec<String>) -> Self {
        Self::List(Texts { values: texts.into_iter().map(Self::Text).collect() })
    }
}

/// An `ExportTraceServiceRequest` with these spans, all of this service.
pub fn export_request(service_name: &str, spans: &[Data]) -> serde_json::Result<Vec<u8>> {
    let resource = [
        Attribute { key: "service.name", value: service_name.into() },
        Attribute { key: "service.version", value: env!("CARGO_PKG_VERSION").into() },
    ];
    serde_json::to_vec(&serde_json::json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
        }],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_encoded_as_the_protocol_says() {
        let span = Data {
            trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            span_id: "b7ad6b7169203331".to_owned(),
            name: "GET /health".to_owned(),
            kind: Kind::Server,
            start_time_unix_nano: 1_800_000_000_000_000_001,
            end_time_unix_nano: 1_800_000_000_000_000_002,
            attributes: vec![
                Attribute { key: "http.response.status_code", value: 503.into() },
                Attribute { key: "http.response.header.x-request-id", value: vec!["a".to_owned()].into() },
            ],
            status: Some(Status::ERROR),
            ..Data::default()
        };
        let request: serde_json::Value = serde_json::from_slice(&export_request("gatehouse", &[span]).unwrap()).unwrap();
        let resource = &request["resourceSpans"][0]["resource"]["attributes"][0];
        assert_eq!(*resource, serde_json::json!({ "key": "service.name", "value": { "stringValue": "gatehouse" } }));
        assert_eq!(
            request["resourceSpans"][0]["scopeSpans"][0]["spans"][0],
            serde_json::json!({
                "traceId": "0af7651916cd43dd8448eb211c80319c",
                "spanId": "b7ad6b7169203331",
                "name": "GET /health",
                "kind": 2,
                "startTimeUnixNano": "1800000000000000001",
                "endTimeUnixNano": "1800000000000000002",
                "attributes": [
                    { "key": "http.response.status_code", "value": { "intValue": "503" } },
                    { "key": "http.response.header.x-request-id", "value": { "arrayValue": { "values": [{ "stringValue": "a" }] } } },
                ],
                "status": { "code": 2 },
            })
        );
    }
}
