-- What tells of a disk that is full, a file that is gone and pages that are damaged.

-- What a readiness probe writes, to find out whether changes are taken: one row.
create table write_probe (
    id integer primary key check (id = 1),
    at integer not null
) strict;

-- What the last check of each table's pages, and of its indexes', has found.
create table integrity_checks (
    name       text primary key,                       -- of the table
    checked_at integer not null,
    damage     text                                    -- the check's first line; null when it found nothing
) strict, without rowid;
