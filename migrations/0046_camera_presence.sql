-- Whether cameras have pictures, as the scheduled run tries them (domain::camera::presence).
create table camera_presence (
    camera_id  text primary key collate nocase references cameras (camera_id) on delete cascade,
    presence   text not null check (presence in ('unknown', 'online', 'offline')),
    since      integer not null,                       -- when it became that
    checked_at integer not null,
    seen_at    integer,                                -- when there last was a picture
    in_a_row   integer not null,                       -- tries that came to the same as the last one
    was_good   integer not null check (was_good in (0, 1)),
    failure    text                                    -- why the last one failed
) strict, without rowid;

create index camera_presence_by_check on camera_presence (checked_at);
