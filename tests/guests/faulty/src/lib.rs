//! Misbehaves on request: what the host must hold in check. Never part of the application.

use axum::routing::get;
use http::Uri;
use kit::api::Api;
use kit::db::{Database, Executor as _};
use kit::{Answer, params};
use serde_json::{Value, json};

fn api() -> Api {
    Api::new("faulty", "Misbehaves on request.").undocumented(|router| {
        router
            .route("/{component}/calm", get(async || "calm"))
            .route("/{component}/panic", get(panics))
            .route("/{component}/spin", get(spins))
            .route("/{component}/hoard", get(hoards))
            .route("/{component}/fetch", get(fetch))
            .route("/{component}/sql", get(sql))
            .route("/{component}/variable", get(variable))
    })
}

// Natively nobody calls it.
#[cfg(not(target_family = "wasm"))]
const _: fn() -> Api = api;

kit::component!(api);

async fn panics() -> &'static str {
    panic!("as asked")
}

async fn spins() -> String {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

async fn hoards() -> String {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

fn parameter(uri: &Uri, name: &str) -> String {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

async fn sql(uri: Uri) -> Answer<axum::Json<Value>> {
    Ok(axum::Json(match Database.run(&parameter(&uri, "statement"), params![]) {
        Ok(rows) => json!({ "rows": rows.len() }),
        Err(error) => json!({ "error": error.to_string() }),
    }))
}

async fn variable(uri: Uri) -> Answer<axum::Json<Value>> {
    let name: &'static str = if parameter(&uri, "name") == "granted" { "granted" } else { "kept_back" };
    Ok(axum::Json(json!({ "value": kit::config::get(name).await? })))
}

#[cfg(target_family = "wasm")]
async fn fetch(uri: Uri) -> Answer<axum::Json<Value>> {
    let url = parameter(&uri, "url");
    Ok(axum::Json(match spin_sdk::http::get(&url).await {
        Ok(response) => json!({ "status": response.status().as_u16() }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }))
}

#[cfg(not(target_family = "wasm"))]
async fn fetch(uri: Uri) -> Answer<axum::Json<Value>> {
    Ok(axum::Json(json!({ "error": parameter(&uri, "url") })))
}
