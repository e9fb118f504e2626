-- The days on which a temple's slots are not those of its weekday: what bookings tells crowd, whose forecasts keep such days apart. A day
-- with slots of its own is a festival; one without any is closed.
create view special_days (site, date, is_closed) as
select site, date, not exists (select 1 from slot_day_slots s where s.site = d.site and s.date = d.date)
from slot_days d;
