-- When cameras are recorded (domain::camera::schedule).
create table recording_schedules (
    id           text primary key,
    camera_id    text not null collate nocase references cameras (camera_id) on delete cascade,
    name         text not null,
    kind         text not null check (kind in ('once', 'daily', 'weekly', 'continuous')),
    from_minute  integer not null check (from_minute between 0 and 1439),   -- by the clock of the camera's site
    until_minute integer not null check (until_minute between 0 and 1440),  -- on the next day where it is not after from_minute
    first_day    text check (kind <> 'once' or first_day is not null),      -- 2026-02-05
    last_day     text check (last_day >= first_day),
    days         integer not null default 127 check (days between 1 and 127), -- bit 0 is Monday; of `weekly` alone
    quality      text not null default 'main' check (quality in ('main', 'sub')),
    is_active    integer not null default 1 check (is_active in (0, 1)),
    created_at   integer not null,
    updated_at   integer not null,
    updated_by   text not null
) strict, without rowid;

create index recording_schedules_by_camera on recording_schedules (camera_id, id);

create trigger recording_schedules_created after insert on recording_schedules
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'recording_schedules', new.id,
        json_object('camera_id', new.camera_id, 'name', new.name, 'is_active', new.is_active));
end;

create trigger recording_schedules_change_noted before update on recording_schedules
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('recording_schedules', new.id,
        json_object('name', old.name, 'kind', old.kind, 'from_minute', old.from_minute, 'until_minute', old.until_minute,
            'first_day', old.first_day, 'last_day', old.last_day, 'days', old.days, 'quality', old.quality, 'is_active', old.is_active),
        json_object('name', new.name, 'kind', new.kind, 'from_minute', new.from_minute, 'until_minute', new.until_minute,
            'first_day', new.first_day, 'last_day', new.last_day, 'days', new.days, 'quality', new.quality, 'is_active', new.is_active));
end;

create trigger recording_schedules_updated after update on recording_schedules
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'recording_schedules', new.id,
        json_object('camera_id', new.camera_id, 'name', new.name, 'is_active', new.is_active));
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger recording_schedules_deleted after delete on recording_schedules
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'recording_schedules', old.id,
        json_object('camera_id', old.camera_id, 'name', old.name, 'is_active', old.is_active));
end;
