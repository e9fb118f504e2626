//! Why a component gives no response.

use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

/// Why a component gives no response.
#[derive(Debug)]
pub enum HandlerError {
    /// The instance trapped, or ended without a response.
    Trap,
    /// The handler returned an error code.
    Guest(ErrorCode),
    /// The response did not begin in time.
    Timeout,
    /// Too many requests are waiting, or the limit of instances is reached.
    Busy,
}

/// What went wrong on one line: the trap or the host's error, without the backtrace, in which a component without symbols has no names.
pub fn one_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
