-- What a sensor that was offline measured, and sends only now: it turns no spot, but the parking log has how the spot was, as from a reading that
-- came in time. Occupancy is summed up from it.

-- The log has each change. A late reading is one when the log says otherwise of its time. What is so old that readings of its time were removed
-- already is left out: whether those after it said otherwise is not known any more.
create trigger reading_told_of_the_past after insert on readings
when new.occupied is not null and new.at < (select occupied_at from device_state where device_id = new.device_id)
    and new.at >= coalesce((select raw_from from reading_kept where device_id = new.device_id), 0)
begin
    insert into occupancy_log (device_id, at, received_at, occupied)
    select new.device_id, new.at, new.received_at, new.occupied
    where new.occupied is not (
        select l.occupied from occupancy_log l where l.device_id = new.device_id and l.at <= new.at order by l.at desc limit 1
    )
    on conflict do nothing;
end;

-- A reading after it that changed nothing, as far as the log knew, may now be a change.
create trigger occupancy_told_of_the_past after insert on occupancy_log
when new.at < (select occupied_at from device_state where device_id = new.device_id)
begin
    insert into occupancy_log (device_id, at, received_at, occupied)
    select n.device_id, n.at, new.received_at, n.occupied
    from (
        select r.device_id, r.at, r.occupied from readings r
        where r.device_id = new.device_id and r.at > new.at and r.occupied is not null
            and r.at < coalesce(
                (select l.at from occupancy_log l where l.device_id = new.device_id and l.at > new.at order by l.at limit 1), 9223372036854775807
            )
        order by r.at limit 1
    ) n
    where n.occupied <> new.occupied
    on conflict do nothing;
end;
