-- Recordings on their way to Google Cloud Storage: each stretch is an object. What waits is never removed (see also camera_recordings).
create table recording_transfers (
    id              text primary key,
    recording_id    text not null references camera_recordings (id) on delete cascade,
    span_started_at integer not null,
    object          text not null,                     -- its name in the bucket
    state           text not null default 'pending' check (state in ('pending', 'uploading', 'completed', 'failed')),
    session         blob,                              -- the resumable session's address, sealed as credentials are: who has it may write the object
    session_key     text check ((session is null) = (session_key is null)),
    sent_bytes      integer not null default 0,        -- that the session has for certain
    total_bytes     integer,                           -- known when the file was read whole
    crc32c          text,                              -- of all of it, base64 as the bucket's answer has it
    attempts        integer not null default 0,        -- that failed since the last one that got on
    restarts        integer not null default 0,        -- how often it was begun anew
    next_attempt_at integer not null,
    lease_until     integer,                           -- nobody else works on it before then
    error           text,                              -- why the last attempt failed
    requested_by    text not null,
    created_at      integer not null,
    updated_at      integer not null,
    started_at      integer,
    completed_at    integer,
    unique (recording_id, span_started_at),
    check ((state = 'completed') = (completed_at is not null))
) strict, without rowid;

create index recording_transfers_due on recording_transfers (next_attempt_at) where state in ('pending', 'uploading');

create index recording_transfers_by_state on recording_transfers (state, id);

-- Screens hear of each step: who may look at recordings is not known here, so that it is for operators alone.
create trigger recording_transfers_told after update of state on recording_transfers when new.state <> old.state
begin
    insert into events (channel, kind, site, data, public_data, at)
    select 'alerts', 'recording_transfer', c.site,
        json_object('transfer_id', new.id, 'recording_id', new.recording_id, 'camera_id', r.camera_id, 'transfer_status', new.state,
            'sent_bytes', new.sent_bytes, 'total_bytes', new.total_bytes, 'error', new.error),
        null, new.updated_at
    from camera_recordings r join cameras c on c.camera_id = r.camera_id where r.id = new.recording_id;
end;

-- And of progress, 64 MiB at a time.
create trigger recording_transfers_progressed after update of sent_bytes on recording_transfers
    when new.state = 'uploading' and new.sent_bytes / 67108864 > old.sent_bytes / 67108864
begin
    insert into events (channel, kind, site, data, public_data, at)
    select 'alerts', 'recording_transfer', c.site,
        json_object('transfer_id', new.id, 'recording_id', new.recording_id, 'camera_id', r.camera_id, 'transfer_status', new.state,
            'sent_bytes', new.sent_bytes, 'total_bytes', new.total_bytes, 'error', null),
        null, new.updated_at
    from camera_recordings r join cameras c on c.camera_id = r.camera_id where r.id = new.recording_id;
end;
