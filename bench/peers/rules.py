"""What both peers share: the product's rules on a reading, and its statements.

The schema, with its triggers, is the product's own (migrations/*.sql), so a peer's insert does in the database what the product's
does. `SINGLE` is the statement of components/telemetry.
"""

import json
import re
import threading
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

SECRET = "benchmark-secret-of-32-bytes-or-more"
ISSUER = AUDIENCE = "gatehouse"
SENDERS = {"device", "operator", "developer", "admin", "super_admin"}

DEVICE_CODE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
AHEAD = timedelta(minutes=5)
YEAR_2000 = datetime(2000, 1, 1, tzinfo=timezone.utc)

# One writer at a time in a process: threads that meet in SQLite instead sleep in its busy handler, which was measured to cost both
# peers throughput and most of their slowest answers.
WRITER = threading.Lock()

PRAGMAS = "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"

COLUMNS = "device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags"
SINGLE = (
    f"insert into readings ({COLUMNS}) "
    "values ((select id from devices where code = ? and is_active = 1), ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
BULK = SINGLE + " on conflict do nothing"

BY_ZONE = """
select s.site, s.zone, z.name, count(*), sum(s.status = 'out_of_service'),
    sum(s.status <> 'out_of_service' and t.occupied is 1), sum(s.status = 'reserved' and t.occupied is not 1)
from spots s
    join zones z on z.site = s.site and z.code = s.zone
    left join devices d on d.spot_id = s.spot_id and d.is_active = 1
    left join device_state t on t.device_id = d.id
group by s.site, s.zone order by s.site, z.position, s.zone
"""
DEVICES = """
select coalesce(sum(t.last_seen_at >= ?), 0), coalesce(sum(t.last_seen_at < ? and t.last_seen_at >= ?), 0),
    coalesce(sum(t.last_seen_at < ?), 0), coalesce(sum(t.last_seen_at is null), 0)
from devices d join device_state t on t.device_id = d.id where d.is_active = 1
"""

# What keeps a spot, as crates/kit/src/spots.rs has it: from :start to :end, as seen at :now.
IS_FREE = """
s.status = 'in_service'
and (:start > :now + 900000 or not exists (
    select 1 from devices v join device_state t on t.device_id = v.id where v.spot_id = s.spot_id and v.is_active = 1 and t.occupied = 1))
and not exists (
    select 1 from reservations r
    where r.spot_id = s.spot_id and r.status in ('pending_payment', 'confirmed', 'arrived') and r.ends_at > :start and r.starts_at < :end
        and (r.status <> 'pending_payment' or r.hold_expires_at > :now)
        and (r.due_until is null or r.due_until > :now or r.paid_ends_at > :start))
"""
RESERVE = f"""
insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, hold_expires_at,
    created_at, updated_at, updated_by)
select :id, 'bench', s.spot_id, s.site, s.kind, :start, :end, :plate, 'pending_payment', :price, 'INR', :now + 900000, :now, :now, 'bench'
from spots s where s.spot_id = :spot_id and {IS_FREE}
"""
AVAILABLE = f"select s.spot_id, s.zone, s.kind from spots s where s.site = :site and {IS_FREE} order by s.spot_id limit :limit"
TERMS = "select tariff, time_zone from sites where slug = ?"
PLATE = re.compile(r"^[A-Z0-9]{2,16}$")
DAY = timedelta(days=1)


def price(terms, start, end):
    """What a stay costs, minor units: each day of the site's own clock by its hours, rounded half up, capped."""
    tariff, zone = json.loads(terms[0]), ZoneInfo(terms[1])
    total, at = 0, start
    while at < end:
        midnight = (at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + DAY).astimezone(timezone.utc)
        until = min(end, midnight)
        part = (tariff["per_hour"] * round((until - at).total_seconds() * 1000) + 1_800_000) // 3_600_000
        total += min(part, tariff.get("per_day", part))
        at = until
    return total


def now_ms():
    return to_ms(datetime.now(timezone.utc))


def to_ms(time):
    return int(time.timestamp() * 1000)


def rfc3339(time):
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp_problem(time):
    """Why a timestamp is refused, or None."""
    if time.tzinfo is None:
        return "must be an RFC 3339 time with its offset"
    if time > datetime.now(timezone.utc) + AHEAD:
        return "is more than 5 minutes ahead"
    if time < YEAR_2000:
        return "is before the year 2000"
    return None


def flags(voltage, power_factor, power_w):
    """The bits of domain::reading::judge."""
    bits = 0
    if power_factor < 0.8:
        bits |= 1
    if not 180 <= voltage <= 250:
        bits |= 2
    if power_w > 1500:
        bits |= 4
    if power_w < 1400:
        bits |= 8
    if not 100 <= voltage <= 300:
        bits |= 16
    if 105 <= voltage <= 295:
        bits |= 32
    return bits


def row(device_code, time, now, voltage, current, power_factor, battery, occupied):
    """The parameters of `SINGLE` and `BULK`."""
    power_w = voltage * current * power_factor
    bits = flags(voltage, power_factor, power_w)
    taken = None if occupied is None else int(occupied)
    return (device_code, to_ms(time), now, voltage, current, power_factor, power_w, battery, taken, bits)


def stored(parameters, time):
    """The answer of the single route."""
    code, _, now, voltage, current, power_factor, power_w, battery, occupied, bits = parameters
    answer = {
        "device_code": code,
        "timestamp": rfc3339(time),
        "voltage": voltage,
        "current": current,
        "power_factor": power_factor,
        "power_w": power_w,
        "received_at": rfc3339(datetime.fromtimestamp(now / 1000, timezone.utc)),
        "electrical_state": "Critical" if bits & 2 else "Warning" if bits & 1 else "Normal",
    }
    if occupied is not None:
        answer["occupied"] = bool(occupied)
    if battery is not None:
        answer["battery"] = battery
    return answer


def overview(zones, devices, now):
    """The answer of the overview, from the rows of `BY_ZONE` and the row of `DEVICES`."""
    by_zone = []
    sums = [0, 0, 0, 0]
    for site, zone, name, total, out_of_service, occupied, reserved in zones:
        by_zone.append({
            "site": site, "zone": zone, "name": name, "total": total, "free": total - occupied - reserved - out_of_service,
            "occupied": occupied, "reserved": reserved, "out_of_service": out_of_service,
        })
        sums = [a + b for a, b in zip(sums, (total, occupied, reserved, out_of_service))]
    total, occupied, reserved, out_of_service = sums
    healthy, warning, offline, unknown = devices
    return {
        "total": total, "free": total - occupied - reserved - out_of_service, "occupied": occupied, "reserved": reserved,
        "out_of_service": out_of_service, "by_zone": by_zone,
        "devices": {"healthy": healthy, "warning": warning, "offline": offline, "unknown": unknown},
        "as_of": rfc3339(datetime.fromtimestamp(now / 1000, timezone.utc)),
    }


def device_parameters(now):
    healthy, offline = now - 120_000, now - 600_000
    return (healthy, healthy, offline, offline)
