//! Cameras: where they are, who may see them, their pictures and recordings (docs/reference/cameras.md).
//!
//! Credentials of cameras are sealed where they are stored, and stand in no answer, log, event or error. Every address that a user gives is
//! called only where the operator has allowed it.

mod access;
mod calendar;
mod client;
mod connection_test;
mod credentials;
mod download;
mod download_place;
mod file;
mod gaps;
mod gcs;
mod index;
mod mjpeg;
mod model;
mod pace;
mod permission;
mod plain;
mod presence;
mod read;
mod recorder;
mod recording_control;
mod recordings;
mod relay;
mod relay_auth;
mod relay_sessions;
mod relay_token;
mod relayed;
mod request;
mod reseal;
mod retention;
mod schedule;
mod schedule_changes;
mod schedules;
mod session;
mod sessions;
mod settings;
mod sizes;
mod snapshot;
mod strays;
mod stream;
mod thumbnails;
mod timeline;
mod transfers;
mod upload_end;
mod uploader;
mod write;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// Every route of this component.
pub fn api() -> Api {
    Api::new("cameras", "Cameras: where they are, who may see them, their pictures and recordings.")
        .routes(routes![plain::list, plain::create, plain::read, plain::update, plain::delete])
        .routes(routes![
            read::list,
            write::create,
            write::register,
            read::detail,
            write::update,
            write::delete,
            connection_test::run,
            snapshot::read,
            stream::open,
            sessions::list,
            sessions::active,
            sessions::end,
        ])
        .routes(routes![access::list, access::create, access::read, access::update, access::delete])
        .routes(routes![
            schedules::list,
            schedule_changes::create,
            schedules::read,
            schedule_changes::update,
            schedules::delete,
            schedule_changes::activate,
            schedule_changes::deactivate,
        ])
        .routes(routes![
            recording_control::start,
            recording_control::stop,
            recording_control::status,
            timeline::read,
            recordings::list,
            recordings::detail,
            recordings::update,
            recordings::delete,
            download::read,
            thumbnails::read,
            transfers::ask,
            transfers::list,
            relay_auth::answer,
        ])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
