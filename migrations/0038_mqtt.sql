-- Messages over MQTT that were refused, by reason: one row each, so that what a broken device sends without end adds none.
create table mqtt_rejections (
    reason     text primary key,                       -- domain::mqtt::Rejection
    count      integer not null check (count > 0),     -- of messages, and of readings within a batch
    counted_at integer not null,
    told_at    integer not null                        -- when a line of the log last said so
) strict, without rowid;
