-- Anomalies that last now and that no column remembers (contract §3): an alert that somebody resolves by hand is not raised again before
-- the anomaly itself has ended.
create table anomalies (
    kind    text not null check (kind in ('low_spots', 'spot_flapping')),
    subject text not null,                             -- the site's slug, the spot
    since   integer not null,
    primary key (kind, subject)
) strict, without rowid;
