-- What was recorded, and what was not (docs/reference/cameras.md). The pictures themselves are with the media relay.

-- A session through the relay has a token, of which only the SHA-256 is kept; it counts from its first use on.
alter table camera_sessions add column token_hash blob;

alter table camera_sessions add column used_at integer;

-- The sign-in in which it was given.
alter table camera_sessions add column session text;

-- The relay's connections that were let in with it, to look after and to end them there: a JSON list of [protocol, id].
alter table camera_sessions add column relay_connections text not null default '[]';

create index camera_sessions_at_relay on camera_sessions (last_seen_at) where relay_connections <> '[]';

create unique index camera_sessions_by_token on camera_sessions (token_hash) where token_hash is not null;

create table camera_recordings (
    id           text primary key,
    camera_id    text not null collate nocase references cameras (camera_id) on delete cascade,
    schedule_id  text references recording_schedules (id) on delete set null,   -- null when a person began it
    is_scheduled integer not null check (is_scheduled in (0, 1)),
    name         text not null,
    quality      text not null check (quality in ('main', 'sub')),
    relay_path   text not null,                        -- what the relay calls the stream
    started_at   integer not null,
    stop_at      integer,                              -- when a person's is to end by itself
    ended_at     integer check (ended_at >= started_at),
    status       text not null check (status in ('recording', 'completed', 'failed')),
    error        text,                                 -- why it failed, or does not go on
    is_protected integer not null default 0 check (is_protected in (0, 1)),
    checked_at   integer,                              -- when it was last compared with what the relay has
    is_settled   integer not null default 0 check (is_settled in (0, 1)),       -- whether that will not change any more
    removing_at  integer,                              -- since when its files are being removed: nobody keeps it any more
    is_upload_asked integer not null default 0 check (is_upload_asked in (0, 1)), -- whether somebody wants it in the bucket
    created_at   integer not null,
    updated_at   integer not null,
    updated_by   text not null,
    check ((ended_at is null) = (status = 'recording'))
) strict, without rowid;

-- A camera is recorded once at a time, however many runs and people begin it.
create unique index camera_recordings_open on camera_recordings (camera_id) where ended_at is null;

create index camera_recordings_by_camera on camera_recordings (camera_id, id);

create index camera_recordings_by_time on camera_recordings (camera_id, started_at);

create index camera_recordings_by_schedule on camera_recordings (schedule_id) where schedule_id is not null;

create index camera_recordings_unsettled on camera_recordings (checked_at) where is_settled = 0;

create index camera_recordings_going on camera_recordings (removing_at) where removing_at is not null;

create index camera_recordings_unasked on camera_recordings (id) where is_upload_asked = 0 and is_settled = 1 and status = 'completed';

-- The stretches of a recording that there really are.
create table recording_spans (
    recording_id text not null references camera_recordings (id) on delete cascade,
    started_at   integer not null,
    duration_ms  integer not null check (duration_ms > 0),
    bytes        integer check (bytes > 0),            -- of the file, where it has been read whole
    primary key (recording_id, started_at)
) strict, without rowid;

-- A small picture of a recording, of when it began.
create table recording_thumbnails (
    recording_id text primary key references camera_recordings (id) on delete cascade,
    taken_at     integer not null,
    picture      blob not null                         -- JPEG
) strict;

-- When schedules asked for a recording that there is not.
create table recording_gaps (
    id         integer primary key autoincrement,
    camera_id  text not null collate nocase references cameras (camera_id) on delete cascade,
    started_at integer not null,
    ended_at   integer check (ended_at >= started_at), -- null while it goes on
    reason     text not null check (reason in ('no_relay', 'relay_away', 'relay_refused', 'no_address', 'not_allowed', 'inactive', 'not_running'))
) strict;

create unique index recording_gaps_open on recording_gaps (camera_id) where ended_at is null;

create index recording_gaps_by_camera on recording_gaps (camera_id, started_at);

create trigger camera_recordings_created after insert on camera_recordings
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.created_at, new.updated_by, 'created', 'camera_recordings', new.id,
        json_object('camera_id', new.camera_id, 'schedule_id', new.schedule_id));
end;

create trigger camera_recordings_change_noted before update of status, is_protected on camera_recordings
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('camera_recordings', new.id,
        json_object('status', old.status, 'is_protected', old.is_protected),
        json_object('status', new.status, 'is_protected', new.is_protected));
end;

create trigger camera_recordings_updated after update of status, is_protected on camera_recordings
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (new.updated_at, new.updated_by, 'updated', 'camera_recordings', new.id,
        json_object('camera_id', new.camera_id, 'status', new.status));
end;

-- Who and when of a delete come from the row, which is touched before.
create trigger camera_recordings_deleted after delete on camera_recordings
begin
    insert into audit_log (at, actor, action, entity, subject, detail)
    values (old.updated_at, old.updated_by, 'deleted', 'camera_recordings', old.id,
        json_object('camera_id', old.camera_id, 'name', old.name));
end;
