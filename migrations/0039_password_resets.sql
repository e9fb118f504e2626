-- Codes with which somebody who has forgotten their password sets a new one (domain::one_time_code). A row is written for every address that is
-- asked for, with an account or without, so that the work is the same; no address is kept in clear. Of an address the newest alone counts.
-- Removed by the scheduled run.
create table password_resets (
    id         text primary key,
    address    blob not null,                          -- HMAC-SHA-256 of the address in lower case
    user_id    text references users (id) on delete cascade, -- null where no active account has the address: no code was sent
    network    text not null,                          -- where it was asked for
    code_hash  blob not null,                          -- HMAC-SHA-256 of id and code
    created_at integer not null,
    expires_at integer not null,
    tries      integer not null default 0,             -- codes that were tried
    used_at    integer                                 -- when a new password was set
) strict, without rowid;

create index password_resets_by_address on password_resets (address, created_at);

create index password_resets_by_user on password_resets (user_id, created_at) where user_id is not null;

create index password_resets_by_network on password_resets (network, created_at);

create index password_resets_by_time on password_resets (created_at);
