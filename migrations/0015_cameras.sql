-- Cameras as the parking security server kept them (contract §7, S1).
create table cameras (
    camera_id             text primary key collate nocase,
    site                  text references sites (slug),
    location              text not null,
    is_active             integer not null default 1 check (is_active in (0, 1)),
    installation_date     text,                        -- 2026-02-05
    last_maintenance_date text,
    created_at            integer not null,
    updated_at            integer not null,
    updated_by            text not null
) strict, without rowid;

create index cameras_by_site on cameras (site, camera_id);

create trigger cameras_created after insert on cameras
begin
    insert into audit_log (at, actor, action, entity, subject) values (new.created_at, new.updated_by, 'created', 'cameras', new.camera_id);
end;

create trigger cameras_updated after update on cameras
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'cameras', new.camera_id,
        json_object('location', new.location, 'is_active', new.is_active));
end;

-- Who and when of a delete come from the row, which is touched before. The camera's own alerts go with it, and consoles are told.
create trigger cameras_deleted before delete on cameras
begin
    insert into audit_log (at, actor, action, entity, subject)
    values (old.updated_at, old.updated_by, 'deleted', 'cameras', old.camera_id);
    insert into events (channel, kind, site, data, public_data, at)
    select 'alerts', 'alert_deleted', site, json_object('id', id), iif(is_public, json_object('id', id), null), old.updated_at
    from alerts where camera_id = old.camera_id and source = 'manual';
    update alerts set updated_at = old.updated_at, updated_by = old.updated_by where camera_id = old.camera_id and source = 'manual';
    delete from alerts where camera_id = old.camera_id and source = 'manual';
end;
