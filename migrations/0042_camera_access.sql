-- Cameras with pictures: where they are reached, who may see them, and who watches (docs/reference/cameras.md).

-- What it is called; null where the place says it all.
alter table cameras add column name text;

alter table cameras add column description text;

-- Addresses without credentials (domain::camera::address). `{username}` and `{password}` in a query stand for those.
alter table cameras add column rtsp_url text;

alter table cameras add column rtsp_url_sub text;

alter table cameras add column snapshot_url text;

alter table cameras add column mjpeg_url text;

-- Name and password for all of its addresses, encrypted (AES-256-GCM): 12 bytes of nonce, then the sealed JSON.
alter table cameras add column credentials blob;

-- Which key they are sealed with: the first 8 hexadecimal digits of its SHA-256.
alter table cameras add column credentials_key text check ((credentials is null) = (credentials_key is null));

-- Whether operators and developers may look without a rule of their own.
alter table cameras add column is_public integer not null default 0 check (is_public in (0, 1));

-- How long recordings are kept, and how many bytes of them; null for no limit.
alter table cameras add column retention_days integer check (retention_days > 0);

alter table cameras add column retention_bytes integer check (retention_bytes > 0);

create index cameras_by_credentials_key on cameras (credentials_key) where credentials_key is not null;

-- As before, with the new fields; of credentials, only whether there are any.
drop trigger cameras_change_noted;

create trigger cameras_change_noted before update on cameras
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('cameras', new.camera_id,
        json_object(
            'site', old.site, 'location', old.location, 'is_active', old.is_active, 'installation_date', old.installation_date,
            'last_maintenance_date', old.last_maintenance_date, 'name', old.name, 'description', old.description,
            'rtsp_url', old.rtsp_url, 'rtsp_url_sub', old.rtsp_url_sub, 'snapshot_url', old.snapshot_url, 'mjpeg_url', old.mjpeg_url,
            'is_public', old.is_public, 'retention_days', old.retention_days, 'retention_bytes', old.retention_bytes,
            'credentials', iif(old.credentials is null, 'none', 'kept')
        ),
        json_object(
            'site', new.site, 'location', new.location, 'is_active', new.is_active, 'installation_date', new.installation_date,
            'last_maintenance_date', new.last_maintenance_date, 'name', new.name, 'description', new.description,
            'rtsp_url', new.rtsp_url, 'rtsp_url_sub', new.rtsp_url_sub, 'snapshot_url', new.snapshot_url, 'mjpeg_url', new.mjpeg_url,
            'is_public', new.is_public, 'retention_days', new.retention_days, 'retention_bytes', new.retention_bytes,
            'credentials', case when new.credentials is null then 'none' when new.credentials is old.credentials then 'kept' else 'new' end
        ));
end;

-- Sealing anew with another key changes nothing that anybody would look for in the trail.
drop trigger cameras_updated;

create trigger cameras_updated after update of site, location, is_active, installation_date, last_maintenance_date, name, description, rtsp_url,
    rtsp_url_sub, snapshot_url, mjpeg_url, is_public, retention_days, retention_bytes, updated_at on cameras
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'cameras', new.camera_id,
        json_object('location', new.location, 'is_active', new.is_active));
end;

-- What a person may do with a camera, and when. Administrators need no rule.
create table camera_access (
    id           text primary key,
    camera_id    text not null collate nocase references cameras (camera_id) on delete cascade,
    user_id      text not null references users (id) on delete cascade,
    level        text not null check (level in ('view', 'control', 'admin')),
    days         integer not null default 127 check (days between 1 and 127),       -- bit 0 is Monday
    from_minute  integer not null default 0 check (from_minute between 0 and 1439), -- by the clock of the camera's site
    until_minute integer not null default 1440 check (until_minute between 1 and 1440),
    is_active    integer not null default 1 check (is_active in (0, 1)),
    created_at   integer not null,
    updated_at   integer not null,
    updated_by   text not null,
    unique (camera_id, user_id),
    check (from_minute <> until_minute)
) strict, without rowid;

create index camera_access_by_user on camera_access (user_id, camera_id);

create trigger camera_access_created after insert on camera_access
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'camera_access', new.id,
        json_object('camera_id', new.camera_id, 'user_id', new.user_id, 'level', new.level));
end;

create trigger camera_access_change_noted before update on camera_access
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('camera_access', new.id,
        json_object('level', old.level, 'days', old.days, 'from_minute', old.from_minute, 'until_minute', old.until_minute,
            'is_active', old.is_active),
        json_object('level', new.level, 'days', new.days, 'from_minute', new.from_minute, 'until_minute', new.until_minute,
            'is_active', new.is_active));
end;

create trigger camera_access_updated after update on camera_access
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'camera_access', new.id,
        json_object('camera_id', new.camera_id, 'user_id', new.user_id, 'level', new.level));
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger camera_access_deleted after delete on camera_access
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'camera_access', old.id,
        json_object('camera_id', old.camera_id, 'user_id', old.user_id, 'level', old.level));
end;

-- Who watches, or has watched. One that was not seen for a while is not live any more, whatever `ended_at` says.
create table camera_sessions (
    id           text primary key,
    camera_id    text not null collate nocase references cameras (camera_id) on delete cascade,
    user_id      text not null,
    quality      text not null check (quality in ('main', 'sub')),
    protocol     text not null check (protocol in ('mjpeg', 'relay')),
    address      text,                                 -- of the client, as it is counted (its network)
    started_at   integer not null,
    last_seen_at integer not null,
    bytes        integer not null default 0,           -- that were sent
    ended_at     integer,
    ended_by     text,                                 -- who ended it; null when it ended by itself
    ended_because text check (ended_because in ('left', 'ended', 'not_allowed', 'camera', 'too_long', 'lost'))
) strict, without rowid;

create index camera_sessions_live on camera_sessions (camera_id, last_seen_at) where ended_at is null;

create index camera_sessions_over on camera_sessions (ended_at) where ended_at is not null;

create index camera_sessions_by_camera on camera_sessions (camera_id, id);

create index camera_sessions_by_user on camera_sessions (user_id, id);

-- A ticket is for one thing: the event feed (`events`), or the pictures of one camera (`camera:` and its id in lower case).
alter table event_tickets add column scope text not null default 'events';
