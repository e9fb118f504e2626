-- Whether a device ever reported: what telemetry tells places, which keep a device with a history and remove one without. A device may
-- come several times.
create view device_history (device_id) as
select device_id from readings
union all
select device_id from occupancy_log;
