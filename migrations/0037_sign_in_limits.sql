-- How often an account has forgotten the devices it had signed in on: a device's cookie carries this number as it was, and says nothing once
-- it has risen. No row is 0. A number, and no time, so that a clock that is set back changes nothing.
create table device_generations (
    user_id    text primary key references users (id) on delete cascade,
    generation integer not null
) strict, without rowid;

-- Whoever had the old password may have signed in with it: with a new one no device is known, whoever writes it. Nobody has signed in with a
-- hash of another system yet: the first sign-in replaces it.
create trigger users_password_forgets_devices after update of password_hash on users
when new.password_hash <> old.password_hash and old.password_hash glob '$argon2*'
begin
    insert into device_generations (user_id, generation) values (new.id, 1)
    on conflict (user_id) do update set generation = generation + 1;
end;

-- And none by its address, which is known by the sessions that were opened from there.
create trigger device_generations_begun after insert on device_generations
begin
    update refresh_tokens set network = null where user_id = new.user_id and network is not null;
end;

create trigger device_generations_raised after update of generation on device_generations
begin
    update refresh_tokens set network = null where user_id = new.user_id and network is not null;
end;

-- Failures of one address, whatever the account, are counted over a minute.
create index login_failures_by_address on login_failures (address, at);
