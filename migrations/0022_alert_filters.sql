-- Alerts are looked for by vehicle and by place.
create index alerts_by_vehicle on alerts (vehicle_id, id) where vehicle_id is not null;

create index alerts_by_location on alerts (location, id) where location is not null;
