"""What is in every server's database: a car park with reservations and alerts, and a temple with zones and slots."""

import contextlib
import datetime
import json
import sqlite3
import time

DAY_MS = 86_400_000
NOW_MS = int(time.time() * 1000)
# Readings begin an hour ago and rise by a millisecond a device, so that they are never ahead of time.
READINGS_MS = NOW_MS - 3_600_000
# Reservations and bookings begin at the midnight after the next and go on from there.
DAYS_MS = (NOW_MS // DAY_MS + 2) * DAY_MS
SITE, TEMPLE = "bench", "bench-temple"
SPOTS, ALERTS = 200, 200
# The days from the first on which every spot has a reservation.
STAYS = range(100, 110)
ZONES = ["mainDarshan", "garbhaGriha", "pradakshina", "museum", "prasad", "gate"]


def date_of(day):
    """The date so many days after the first day of reservations and bookings."""
    return time.strftime("%Y-%m-%d", time.gmtime((DAYS_MS + day * DAY_MS) / 1000))


def rfc3339(ms):
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def copy(source, target):
    """A database as another is now. The product has made its schema and everything else's is a copy of it."""
    with contextlib.closing(sqlite3.connect(source)) as source, contextlib.closing(sqlite3.connect(target)) as target:
        source.backup(target)


def fill(path):
    """Fills the database that the product has made."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("pragma foreign_keys = on")
        fill_car_park(db)
        fill_alerts(db)
        fill_temple(db)


def insert(db, table, rows):
    """Rows as dicts, with who made them and when."""
    stamped = [{**row, "created_at": NOW_MS, "updated_at": NOW_MS, "updated_by": "bench"} for row in rows]
    names = list(stamped[0])
    db.executemany(f"insert into {table} ({', '.join(names)}) values ({', '.join(':' + name for name in names)})", stamped)


def site(slug, kind, tariff):
    return {
        "slug": slug, "name": slug.replace("-", " ").title(), "kind": kind, "latitude": 23.0, "longitude": 72.5, "time_zone": "Asia/Kolkata",
        "capacity": SPOTS, "tariff": json.dumps(tariff),
    }


def fill_car_park(db):
    """200 spots, each with its device and ten reservations months ahead."""
    insert(db, "sites", [site(SITE, "car_park", {"currency": "INR", "per_hour": 4000, "per_day": 30000})])
    insert(db, "users", [
        {"id": "bench", "email": "bench@gatehouse.example", "name": "Bench", "role": "visitor", "password_hash": "!"}
    ])
    insert(db, "zones", [{"site": SITE, "code": f"Z{at}", "name": f"Zone {at}", "position": at} for at in range(4)])
    spots = [
        {
            "spot_id": f"BENCH-{at:03}", "site": SITE, "zone": f"Z{at // 50}",
            "status": "reserved" if at % 20 == 0 else "out_of_service" if at % 33 == 1 else "in_service",
        }
        for at in range(SPOTS)
    ]
    insert(db, "spots", spots)
    insert(db, "devices", [
        {"code": f"BENCH-S{at:03}", "site": SITE, "zone": spot["zone"], "spot_id": spot["spot_id"]} for at, spot in enumerate(spots)
    ])
    insert(db, "reservations", [
        {
            "id": f"{spot['spot_id']}-{day}", "user_id": "bench", "spot_id": spot["spot_id"], "site": SITE, "kind": "standard",
            "starts_at": DAYS_MS + day * DAY_MS, "ends_at": DAYS_MS + day * DAY_MS + 7_200_000, "plate": "GJ01AB1234", "status": "confirmed",
            "price": 8000, "currency": "INR",
        }
        for spot in spots for day in STAYS
    ])


def fill_alerts(db):
    """200 alerts that are open."""
    insert(db, "alerts", [
        {
            "id": f"019c2a5e-4b00-7000-8000-{at:012x}", "alert_type": "suspicious_vehicle", "severity": ("info", "warning", "critical")[at % 3],
            "message": f"A vehicle has stood at the gate for {at} minutes", "site": SITE, "zones": json.dumps([f"Z{at % 4}"]),
            "vehicle_id": f"GJ01AB{at:04}", "location": "Gate 2", "camera": "Gate camera", "camera_id": "CAM-2", "source": "manual",
            "at": NOW_MS - 60_000 * at, "created_by": "bench",
        }
        for at in range(ALERTS)
    ])


def fill_temple(db):
    """Six zones that were counted just now, and a slot of 500 places for every hour of every day."""
    insert(db, "sites", [site(TEMPLE, "temple", {})])
    insert(db, "zones", [
        {"site": TEMPLE, "code": code, "name": code, "area_m2": 400.0, "capacity": 800, "position": at} for at, code in enumerate(ZONES)
    ])
    db.executemany(
        "insert into crowd_state (site, zone, count, at, received_at, level, share_level, share_alone, density_level, density_alone, level_changed_at)"
        " values (?, ?, ?, ?, ?, 'moderate', 'moderate', 'moderate', 'normal', 'normal', ?)",
        [(TEMPLE, code, 300 + 10 * at, NOW_MS, NOW_MS, NOW_MS) for at, code in enumerate(ZONES)],
    )
    insert(db, "slot_templates", [
        {
            "id": f"bench-{weekday}-{hour}", "site": TEMPLE, "weekday": weekday, "slot": f"{hour:02}:00-{hour + 1:02}:00", "starts": hour * 60,
            "ends": hour * 60 + 60, "capacity": 500,
        }
        for weekday in range(1, 8) for hour in range(24)
    ])
