-- Retention: what is kept how long (docs/reference/retention.md).

-- When a component next looks for what is older than it is to be kept; while something is left to remove, that stays in the past.
create table retention_rounds (
    component text primary key,
    next_at   integer not null default 0
) strict, without rowid;

insert into retention_rounds (component) values ('telemetry'), ('parking');

-- How large each table is, as it was found at a time: for the metrics, which count nothing by themselves. The row without a name is of the
-- file's free pages.
create table table_sizes (
    name        text primary key,
    rows        integer not null,
    bytes       integer not null,                      -- with its indexes
    measured_at integer not null
) strict, without rowid;

-- Up to which line the audit trail is kept elsewhere, as an administrator has said; one row. No other line is removed.
create table audit_exported (
    id       integer primary key check (id = 1),
    up_to    integer not null,                         -- a line's number
    at       integer,
    taken_by text
) strict;

insert into audit_exported (id, up_to) values (1, 0);

create trigger audit_exported_rises before update on audit_exported when new.up_to < old.up_to
begin
    select raise(abort, 'what was exported stays so');
end;

create trigger audit_exported_is_audited after update on audit_exported when new.up_to > old.up_to
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.at, new.taken_by, 'exported', 'audit_log', new.up_to, json_object('lines', new.up_to - old.up_to));
end;

drop trigger audit_log_is_never_deleted;

create trigger audit_log_is_kept_until_exported before delete on audit_log
when old.id > (select up_to from audit_exported where id = 1)
begin
    select raise(abort, 'the audit log is append-only until it was exported');
end;

drop trigger audit_changes_are_not_deleted;

create trigger audit_changes_are_kept_until_exported before delete on audit_changes
when old.line > (select up_to from audit_exported where id = 1)
begin
    select raise(abort, 'the audit log is append-only until it was exported');
end;
