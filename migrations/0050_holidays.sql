-- Public holidays, festivals and closures of a site, known ahead: what forecasts keep apart from ordinary days (docs/reference/analytics.md).
create table holidays (
    site       text not null references sites (slug) on delete cascade,
    date       text not null check (date glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'), -- by the site's clock
    name       text not null check (length(name) between 1 and 200),
    kind       text not null default 'holiday' check (kind in ('holiday', 'festival', 'closed')), -- domain::forecast::Special
    created_at integer not null,
    updated_at integer not null,
    updated_by text not null,
    primary key (site, date)
) strict, without rowid;

create trigger holidays_created after insert on holidays
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'holidays', new.site || '/' || new.date,
        json_object('name', new.name, 'kind', new.kind));
end;

create trigger holidays_change_noted before update on holidays
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('holidays', new.site || '/' || new.date,
        json_object('name', old.name, 'kind', old.kind), json_object('name', new.name, 'kind', new.kind));
end;

-- One that is touched before it is deleted changes nothing that anybody wrote.
create trigger holidays_updated after update of name, kind on holidays when new.name <> old.name or new.kind <> old.kind
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'holidays', new.site || '/' || new.date,
        json_object('name', new.name, 'kind', new.kind));
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger holidays_deleted before delete on holidays
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (old.updated_at, old.updated_by, 'deleted', 'holidays', old.site || '/' || old.date);
end;

create trigger holidays_removal_noted after delete on holidays
begin
    insert into row_removals (entity, subject, was)
    values ('holidays', old.site || '/' || old.date, json_object('name', old.name, 'kind', old.kind));
end;

-- The days of a site that are not as their weekday, with what they are: what bookings and administrators tell the forecasts. What a temple's
-- slots say of a day goes before what the list of holidays says.
create view calendar_days (site, date, kind) as
select site, date, iif(is_closed, 'closed', 'festival') from special_days
union all
select h.site, h.date, h.kind from holidays h
where not exists (select 1 from slot_days d where d.site = h.site and d.date = h.date);
