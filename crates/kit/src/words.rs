//! The word enums of `domain` as fields of requests, as columns and as parameters.

crate::words! {
    crate::page::Order,
    domain::alert::Severity,
    domain::alert::Status,
    domain::anomaly::Kind,
    domain::booking::Refusal,
    domain::booking::Status,
    domain::crowd::Density,
    domain::crowd::Level,
    domain::emergency::Kind,
    domain::emergency::Severity,
    domain::emergency::Status,
    domain::health::Health,
    domain::overview::SpotState,
    domain::reservation::Status,
    domain::role::Role,
    domain::site::Kind,
    domain::spot::Kind,
    domain::spot::Status,
}
