-- ?1: the id; ?2: the code; ?3: the temple; ?4: the date; ?5: its weekday; ?6: the slot; ?7, ?8: its beginning and end; ?9: how many come;
-- ?10: who; ?11: now. That the slot has places for them is its condition.
insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, visitors, status, created_at, updated_at, updated_by)
select ?1, ?2, 'bench', ?3, ?4, ?6, ?7, ?8, ?9, ?10, 'confirmed', ?11, ?11, 'bench'
where ?9 + (
        select coalesce(sum(party_size), 0) from bookings
        where site = ?3 and date = ?4 and slot = ?6 and status in ('confirmed', 'checked_in', 'exited', 'no_show')
    ) <= coalesce(
        (select capacity from slot_day_slots where site = ?3 and date = ?4 and slot = ?6),
        (select capacity from slot_templates
            where site = ?3 and weekday = ?5 and slot = ?6 and not exists (select 1 from slot_days where site = ?3 and date = ?4)),
        0
    )
