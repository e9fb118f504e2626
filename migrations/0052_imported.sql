-- What was moved in from the systems that this one replaces, by the ids that it had there: a second import finds what the first has written.
-- Readings and counts are not here: their device or zone and their time are their key.
create table imported (
    source text not null check (source in ('s1', 's2', 's3', 's4', 's5')), -- docs/reference/import.md
    entity text not null,                              -- `users`, `devices`, `bookings`, …
    old_id text not null,
    new_id text not null,                              -- the key here; of a zone `site/code`
    at     integer not null,                           -- when it was moved in
    primary key (source, entity, old_id)
) strict, without rowid;
