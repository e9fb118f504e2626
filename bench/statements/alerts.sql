-- ?1: the id after which the page begins; ?2: how many; ?3: now. A column says after a colon what it holds, where JSON writes it in another way.
select id, alert_type, severity, message, site, coalesce(zones, '[]') as "zones:json", vehicle_id, location, camera, camera_id,
    is_public as "is_public:bool", source, subject, status, at as "timestamp:time", expires_at as "expires_at:time",
    acknowledged_at as "acknowledged_at:time", acknowledged_by, resolved_at as "resolved_at:time", resolved_by, escalation,
    created_at as "created_at:time", created_by, updated_at as "updated_at:time"
from alerts where id < coalesce(?1, '~') and ?3 > 0 order by id desc limit ?2
