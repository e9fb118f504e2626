insert into readings (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
values ((select id from devices where code = ?1 and is_active = 1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
