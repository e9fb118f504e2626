-- ?1: the temple; ?2: the date; ?3: its weekday; ?4: the slot. The slot that is to be booked, with its terms.
select starts, ends, closes_after_minutes from slot_templates
where site = ?1 and weekday = ?3 and slot = ?4 and not exists (select 1 from slot_days where site = ?1 and date = ?2)
union all
select starts, ends, closes_after_minutes from slot_day_slots where site = ?1 and date = ?2 and slot = ?4
