//! Darshan booking (contract §5): slots of a temple's day, bookings and their waitlist, tickets as QR codes, gates.
//!
//! That a slot is never overbooked is a condition inside the one insert; that the waitlist moves up is a trigger of the schema, in the
//! transaction of what freed the places.

mod batch;
mod book;
mod days;
mod gate;
mod lists;
mod qr;
mod show;
mod slots;
mod steps;
mod templates;
mod temple;
mod ticket;

use axum::Router;
use axum::routing::{get, patch, post};

fn router() -> Router {
    Router::new()
        .route("/api/bookings", post(book::create))
        .route("/api/bookings/waitlist", post(book::wait))
        .route("/api/bookings/my-bookings", get(lists::mine))
        .route("/api/bookings/ticket-keys", get(ticket::published))
        .route("/api/bookings/temple/{temple}/slots", get(slots::list))
        .route("/api/bookings/temple/{temple}/day", get(lists::day))
        .route("/api/bookings/temple/{temple}/inside", get(gate::inside))
        .route("/api/bookings/checkin/batch", post(batch::check_in))
        .route("/api/bookings/{id}", get(lists::detail))
        .route("/api/bookings/{id}/qr.svg", get(qr::svg))
        .route("/api/bookings/{id}/qr.png", get(qr::png))
        .route("/api/bookings/{id}/cancel", patch(steps::cancel).post(steps::cancel))
        .route("/api/bookings/{id}/revoke", patch(steps::revoke).post(steps::revoke))
        .route("/api/bookings/{id}/reissue", post(steps::reissue))
        .route("/api/bookings/{id}/checkin", post(gate::check_in))
        .route("/api/bookings/{id}/exit", post(gate::exit))
        .route("/api/sites/{site}/slots", get(templates::list).post(templates::create))
        .route("/api/sites/{site}/slots/days", get(days::list))
        .route("/api/sites/{site}/slots/days/{date}", get(days::detail).put(days::set).delete(days::remove))
        .route("/api/sites/{site}/slots/{id}", get(templates::detail).patch(templates::change).delete(templates::remove))
}

kit::component!(router);
