//! Mails that administrators send, one by one and to many, from templates; who gets none, and what the mail service reports
//! (docs/reference/mail.md).
//!
//! Nothing is sent here: a mail is a row whose trigger writes the outbox, and the dispatcher (the component `heartbeat`), which alone holds
//! the mail service's key, delivers it like every other message.

mod letter;
mod messages;
mod schedule;
mod send;
mod signature;
mod suppressions;
mod templates;
mod unsubscribe;
mod unsubscribe_link;
mod webhook;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes.
pub fn api() -> Api {
    Api::new("mail", "Mails that administrators send, their templates, who gets none, and what the mail service reports.")
        .routes(routes![send::send, send::send_bulk, messages::list, messages::read])
        .routes(routes![templates::list, templates::create, templates::read, templates::update, templates::delete, templates::preview])
        .routes(routes![suppressions::list, suppressions::add, suppressions::remove])
        .routes(routes![unsubscribe::ask, unsubscribe::unsubscribe, webhook::receive])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
