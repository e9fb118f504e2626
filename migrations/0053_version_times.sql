-- When the versions last changed, milliseconds: the time of a publication is when what it tells last changed, so that it is the same text until
-- then, whoever makes it. By the database's clock, since not every change brings a time of its own.
alter table versions add column changed_at integer not null default 0;

update versions set changed_at = cast((julianday('now') - 2440587.5) * 86400000 as integer);

create trigger versions_changed after update of version on versions
begin
    update versions set changed_at = cast((julianday('now') - 2440587.5) * 86400000 as integer) where topic = new.topic;
end;
