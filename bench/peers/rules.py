"""What both peers share: the product's rules on a reading, its answers, and the statements, which the limit has too (bench/statements).

The schema, with its triggers, is the product's own (migrations/*.sql), so a peer's insert does in the database what the product's
does.
"""

import base64
import json
import re
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

SECRET = "benchmark-secret-of-32-bytes-or-more"
ISSUER = AUDIENCE = "gatehouse"
OPERATORS = {"operator", "developer", "admin", "super_admin"}
SENDERS = {"device"} | OPERATORS

DEVICE_CODE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
AHEAD = timedelta(minutes=5)
YEAR_2000 = datetime(2000, 1, 1, tzinfo=timezone.utc)

# One writer at a time in a process: threads that meet in SQLite instead sleep in its busy handler, which was measured to cost both
# peers throughput and most of their slowest answers.
WRITER = threading.Lock()

PRAGMAS = "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"

STATEMENTS = Path(__file__).resolve().parent.parent / "statements"


def statement(name):
    return (STATEMENTS / f"{name}.sql").read_text()


SINGLE, BULK = statement("single"), statement("bulk")
BY_ZONE, DEVICES = statement("overview_zones"), statement("overview_devices")
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


def from_ms(ms):
    return rfc3339(datetime.fromtimestamp(ms / 1000, timezone.utc))


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
        "received_at": from_ms(now),
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
    for site, zone, name, total, occupied, reserved, out_of_service in zones:
        by_zone.append({
            "site": site, "zone": zone, "name": name, "total": total, "free": total - occupied - reserved - out_of_service,
            "occupied": occupied, "reserved": reserved, "out_of_service": out_of_service,
        })
        sums = [a + b for a, b in zip(sums, (total, occupied, reserved, out_of_service))]
    total, occupied, reserved, out_of_service = sums
    free = total - occupied - reserved - out_of_service
    healthy, warning, offline, unknown = devices
    return {
        "total": total, "free": free, "occupied": occupied, "reserved": reserved, "out_of_service": out_of_service, "by_zone": by_zone,
        "devices": {"healthy": healthy, "warning": warning, "offline": offline, "unknown": unknown},
        "as_of": from_ms(now), "total_slots": total, "available_slots": free, "occupied_slots": total - free,
        "healthy_devices": healthy, "warning_devices": warning, "critical_devices": offline,
    }


# What a column holds, where JSON writes it in another way than SQLite: it says so after a colon of its name.
HOLDS = {"bool": bool, "json": json.loads}


def items(cursor):
    """The rows as the product answers them, and a column that only says where the next page begins."""
    columns = []
    for name, *_ in cursor.description:
        name, _, holds = name.partition(":")
        columns.append((name, from_ms if holds == "time" else HOLDS.get(holds)))
    return [
        {name: read(value) if read and value is not None else value for (name, read), value in zip(columns, row)} for row in cursor
    ]


def page(found, limit, key):
    """A page of what was asked for with one more than the page holds."""
    cursor = None
    if len(found) > limit:
        found = found[:limit]
        cursor = base64.urlsafe_b64encode(json.dumps(found[-1][key]).encode()).decode().rstrip("=")
    if key.startswith("_"):
        for item in found:
            del item[key]
    return {"items": found, "next_cursor": cursor}


def after(cursor):
    """What a page begins after; a ValueError when the cursor is none of ours."""
    return None if cursor is None else json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
