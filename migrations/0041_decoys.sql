-- Pages that look like the sign-in of some other server, which nobody has a reason to ask for: who asks is noted, and told of once a day. A
-- flood of visits writes few rows (components/ops/src/decoys.rs), which the scheduled run of heartbeat removes.
create table decoy_visits (
    day      text not null,                            -- YYYY-MM-DD, UTC
    address  text not null,                            -- an address, or a network of IPv6; empty for all beyond the first 200 of a day
    tried    text not null,                            -- JSON array of the first 20 different things that it tried
    minutes  integer not null,                         -- in how many minutes it was seen
    first_at integer not null,
    last_at  integer not null,
    primary key (day, address)
) strict, without rowid;

create index decoy_visits_by_time on decoy_visits (last_at);

-- One alert for each visitor and day.
create trigger decoy_visits_alert after insert on decoy_visits
begin
    insert into system_alerts (alert_type, subject, severity, message, at)
    values ('decoy_visited', trim(new.address || ' ' || new.day), 'warning',
        iif(new.address = '', 'More than 200 addresses looked for a sign-in page that is not ours', new.address || ' looks for a sign-in page that is not ours')
            || ': ' || (select group_concat(value, ', ') from json_each(new.tried)),
        new.first_at);
end;

-- It says what else was tried, while nobody has resolved it.
create trigger decoy_visits_tried_more after update of tried on decoy_visits when new.tried <> old.tried
begin
    update alerts
    set message = message || ', ' || (new.tried ->> '$[#-1]'), updated_at = new.last_at, updated_by = 'system'
    where source = 'system' and status <> 'resolved' and alert_type = 'decoy_visited' and subject = trim(new.address || ' ' || new.day);
end;
