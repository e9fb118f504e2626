-- ?1: the temple; ?2: the date; ?3: its weekday.
select s.starts, s.ends, s.capacity,
    (select coalesce(sum(party_size), 0) from bookings
        where site = ?1 and date = ?2 and slot = s.slot and status in ('confirmed', 'checked_in', 'exited', 'no_show')),
    (select coalesce(sum(party_size), 0) from bookings where site = ?1 and date = ?2 and slot = s.slot and status = 'waitlisted'),
    s.bookings_per_person, s.closes_after_minutes
from (
    select slot, starts, ends, capacity, bookings_per_person, closes_after_minutes from slot_templates
    where site = ?1 and weekday = ?3 and not exists (select 1 from slot_days where site = ?1 and date = ?2)
    union all
    select slot, starts, ends, capacity, bookings_per_person, closes_after_minutes from slot_day_slots where site = ?1 and date = ?2
) s order by s.starts
