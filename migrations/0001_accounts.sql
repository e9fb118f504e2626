-- People and machines that sign in (contract §2).
create table users (
    id            text primary key,
    email         text not null collate nocase unique,
    name          text not null,
    phone         text,
    role          text not null check (role in ('visitor', 'device', 'operator', 'developer', 'admin', 'super_admin')),
    device_code   text collate nocase,                 -- for role `device`: the one device whose data it may send
    password_hash text not null,                       -- PHC string, argon2id once its owner has signed in
    is_active     integer not null default 1 check (is_active in (0, 1)),
    created_at    integer not null,
    updated_at    integer not null,
    updated_by    text not null,                       -- user id, or `self`, or `system`
    check (role <> 'device' or device_code is not null)
) strict;

-- Refresh tokens; only the SHA-256 of each is kept. A family is one sign-in and all its rotations (RFC 9700 §4.14.2).
create table refresh_tokens (
    token_hash blob primary key,
    family     text not null,
    user_id    text not null references users (id) on delete cascade,
    issued_at  integer not null,
    expires_at integer not null,
    used_at    integer                                 -- when it was exchanged for its successor
) strict, without rowid;

create index refresh_tokens_by_family on refresh_tokens (family);

create index refresh_tokens_by_user on refresh_tokens (user_id);

create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

-- Families that were revoked, by logout, by reuse or by an administrator.
create table revoked_families (
    family     text primary key,
    revoked_at integer not null,
    reason     text not null check (reason in ('logout', 'reuse', 'admin', 'reset'))
) strict, without rowid;

create index revoked_families_by_time on revoked_families (revoked_at);

-- Failed sign-ins by account and address; ten in 15 minutes lock the pair.
create table login_failures (
    id      integer primary key,
    account text not null collate nocase,              -- the e-mail as it was given, known or not
    address text not null,
    at      integer not null
) strict;

create index login_failures_by_pair on login_failures (account, address, at);

create index login_failures_by_time on login_failures (at);

-- The append-only trail of every change and who made it (contract §6, `/api/event-logs/`).
create table audit_log (
    id      integer primary key autoincrement,
    at      integer not null,
    actor   text not null,
    action  text not null,                             -- `created`, `updated`, `deleted`, …
    entity  text not null,                             -- table name
    subject text not null,                             -- the row's key
    detail  text                                       -- JSON, never a secret
) strict;

create index audit_log_by_subject on audit_log (entity, subject, id);

create trigger audit_log_is_append_only before update on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger users_created after insert on users
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'users', new.id, json_object('role', new.role));
end;

create trigger users_updated after update of name, phone, role, is_active, password_hash, device_code on users
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'users', new.id,
        json_object('role', new.role, 'is_active', new.is_active, 'password_changed', new.password_hash <> old.password_hash));
end;

-- Answers kept for requests that carry an `Idempotency-Key` (contract §1).
create table idempotency_keys (
    caller       text not null,
    key          text not null,
    request_hash blob not null,                        -- SHA-256 of method, path and body
    status       integer not null,
    body         text not null,
    created_at   integer not null,
    primary key (caller, key)
) strict, without rowid;

create index idempotency_keys_by_time on idempotency_keys (created_at);
