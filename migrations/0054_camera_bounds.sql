-- Bounds of what is done with cameras: whose an upload is, how fast all of them are, how many bytes a camera keeps, who downloads.

-- The run that works on it: another that has taken it meanwhile is not disturbed by the first.
alter table recording_transfers add column lease_owner text;

-- From when on the bucket may be sent more, where `gcs_bytes_per_second` holds uploads back: for all runs together.
create table upload_pace (
    id      integer primary key check (id = 1),
    free_at integer not null
) strict;

-- What a stretch has by a part of it that was read: for those whose relay does not say how long they are, until the whole has been read.
alter table recording_spans add column estimated_bytes integer check (estimated_bytes > 0);

-- When the relay was last asked for a size that it did not tell.
alter table recording_spans add column size_asked_at integer;

create index recording_spans_unsized on recording_spans (size_asked_at) where bytes is null and estimated_bytes is null;

-- The sum of its stretches, as far as they are known or estimated; kept by triggers, so that nothing sums them at each run.
alter table camera_recordings add column bytes integer not null default 0;

update camera_recordings set bytes = (select coalesce(sum(s.bytes), 0) from recording_spans s where s.recording_id = camera_recordings.id);

-- The sum of a camera's recordings.
create table camera_storage (
    camera_id text primary key collate nocase references cameras (camera_id) on delete cascade,
    bytes     integer not null
) strict, without rowid;

insert into camera_storage (camera_id, bytes) select camera_id, sum(bytes) from camera_recordings group by camera_id;

create trigger recording_spans_added after insert on recording_spans when coalesce(new.bytes, new.estimated_bytes) is not null
begin
    update camera_recordings set bytes = bytes + coalesce(new.bytes, new.estimated_bytes) where id = new.recording_id;
end;

create trigger recording_spans_sized after update of bytes, estimated_bytes on recording_spans
    when coalesce(new.bytes, new.estimated_bytes, 0) <> coalesce(old.bytes, old.estimated_bytes, 0)
begin
    update camera_recordings
    set bytes = bytes + coalesce(new.bytes, new.estimated_bytes, 0) - coalesce(old.bytes, old.estimated_bytes, 0)
    where id = new.recording_id;
end;

create trigger recording_spans_removed after delete on recording_spans when coalesce(old.bytes, old.estimated_bytes) is not null
begin
    update camera_recordings set bytes = bytes - coalesce(old.bytes, old.estimated_bytes) where id = old.recording_id;
end;

create trigger camera_recordings_sized after update of bytes on camera_recordings when new.bytes <> old.bytes
begin
    insert into camera_storage (camera_id, bytes) values (new.camera_id, new.bytes - old.bytes)
    on conflict (camera_id) do update set bytes = camera_storage.bytes + excluded.bytes;
end;

create trigger camera_recordings_unsized after delete on camera_recordings when old.bytes <> 0
begin
    update camera_storage set bytes = bytes - old.bytes where camera_id = old.camera_id;
end;

-- Who downloads a recording, while they do.
create table recording_downloads (
    id           text primary key,
    recording_id text not null references camera_recordings (id) on delete cascade,
    user_id      text not null,
    started_at   integer not null,
    last_seen_at integer not null
) strict, without rowid;

create index recording_downloads_by_time on recording_downloads (last_seen_at);

create index recording_downloads_by_recording on recording_downloads (recording_id);

-- How many places one person has of a camera.
create index camera_sessions_live_by_user on camera_sessions (user_id, camera_id, last_seen_at) where ended_at is null;
