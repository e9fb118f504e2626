-- What emergencies, resources, alerts, places and accounts tell each other.

-- Which emergency a resource is or was at, and when; released_at is null while it is there: what emergencies tell resources.
create view resource_assignments (resource_id, emergency_id, assigned_at, released_at) as
select resource_id, emergency_id, assigned_at, released_at from assignments;

-- The emergencies that there are: what emergencies tell incidents, which may name one.
create view emergency_references (id) as
select id from emergencies;

-- What a resource is called and what it is, also one that was deleted: what resources tell the emergencies that it was at.
create view resource_names (id, type, name) as
select id, type, name from resources;

-- The resources that there are, and whether people keep them in service: what resources tell the emergencies that they could be sent to.
-- One without a place of its own stands where its site does.
create view deployable_resources (id, site, type, name, contact, status, latitude, longitude) as
select r.id, r.site, r.type, r.name, r.contact, r.status, coalesce(r.latitude, s.latitude), coalesce(r.longitude, s.longitude)
from resources r join sites s on s.slug = r.site
where r.retired_at is null;

-- When resources are in maintenance, from starts_at to before ends_at: what resources tell emergencies.
create view maintenance_windows (resource_id, starts_at, ends_at) as
select resource_id, starts_at, ends_at from resource_maintenance;

-- The zones of each site: what places tell alerts, which may name some.
create view zone_codes (site, code) as
select site, code from zones;

-- What a person is called and how to reach them: what accounts tell emergencies of those who report them.
create view user_contacts (id, name, phone) as
select id, name, phone from users;
