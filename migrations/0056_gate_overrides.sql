-- Somebody was let in although the gate's scan said no.

-- Why an operator let them in; null for a scan that stood by itself.
alter table booking_scans add column reason text check (reason <> '');

-- The refusal that this set aside; null when there was none.
alter table booking_scans add column overruled text check (overruled <> '');

-- For good, where scans are kept for a while.
create table gate_overrides (
    no         integer primary key autoincrement,
    booking    text not null references bookings (id),
    site       text not null,
    overruled  text not null,                          -- the refusal that was set aside
    reason     text not null,
    at         integer not null,                       -- when, by the gate's clock
    created_at integer not null,
    created_by text not null
) strict;

create index gate_overrides_by_booking on gate_overrides (booking);

create trigger booking_scans_overruled after insert on booking_scans when new.overruled is not null
begin
    insert into gate_overrides (booking, site, overruled, reason, at, created_at, created_by)
    values (new.booking, new.site, new.overruled, new.reason, new.at, new.judged_at, new.judged_by);
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.judged_at, new.judged_by, 'overruled', 'bookings', new.booking,
        json_object('refusal', new.overruled, 'reason', new.reason, 'scanned_at', strftime('%Y-%m-%dT%H:%M:%fZ', new.at / 1000.0, 'unixepoch')));
end;
