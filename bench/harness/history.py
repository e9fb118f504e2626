"""A long history of readings and of reservations, written into a database of a Gatehouse that is stopped."""

import contextlib
import sqlite3

from harness.fixture import DAY_MS, NOW_MS, SITE, SPOTS, STAYS, fill, insert

# Every twentieth device has measured, so that what comes in now goes between their readings.
MEASURING = [f"BENCH-S{at:03}" for at in range(0, SPOTS, 20)]
# The newest of their readings; the load's begin an hour later.
NEWEST_MS = NOW_MS - 2 * 3_600_000
# Before this midnight all is rolled up by the hour and by the day.
TODAY_MS = NEWEST_MS // DAY_MS * DAY_MS
# The fewest readings, and over how many days: each hour of each device has one.
FEWEST, FEWEST_DAYS = 10_000, 31
YEAR_DAYS = 365

# The spots that can be reserved: neither kept nor out of service (fixture.py). Each is reserved again and again, with a gap.
RESERVABLE = [at for at in range(SPOTS) if at % 20 and at % 33 != 1]
STAY_MS, CYCLE_MS = 45 * 60_000, 105 * 60_000
# At least so many of a spot's reservations are ahead of now: a day and a half.
AHEAD = 20
USERS = 1_000


def days_of(readings):
    """Over how many days so many readings are spread: from a month to a year."""
    return min(YEAR_DAYS, FEWEST_DAYS * readings // FEWEST)


def write(path, readings, reservations):
    """So many of each, those of the fixture included."""
    fill(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        # Fast, since what is lost with a crash here is made anew; the journal is as the product left it when this is done.
        db.execute("pragma journal_mode = off")
        db.execute("pragma synchronous = off")
        db.execute("pragma cache_size = -1000000")
        db.execute("pragma foreign_keys = on")
        db.execute("begin")
        insert(db, "users", [
            {"id": f"bench-{at}", "email": f"bench-{at}@gatehouse.example", "name": "Bench", "role": "visitor", "password_hash": "!"}
            for at in range(USERS)
        ])
        with without_triggers(db, "readings"):
            write_readings(db, readings)
        write_newest(db, readings)
        # The scheduled run looks for what is to be rolled up once every five minutes, and has looked when the database was empty.
        db.execute("update rollup_progress set up_to = 0, position = -1 where name = 'readings'")
        with without_triggers(db, "reservations"):
            write_reservations(db, reservations - SPOTS * len(STAYS))
        db.execute("commit")
        db.execute("pragma journal_mode = wal")


@contextlib.contextmanager
def without_triggers(db, table):
    """Without the triggers of a table, which are put back as they were."""
    triggers = db.execute("select name, sql from sqlite_master where type = 'trigger' and tbl_name = ? order by rowid", [table]).fetchall()
    for name, _ in triggers:
        db.execute(f"drop trigger {name}")
    yield
    for _, sql in triggers:
        db.execute(sql)


# Device ?1, reading number ?2 up to ?3, the newest being number 0 and each ?4 ms older than the one after it. What is measured varies a little,
# and raises no alert: the flags say that power and voltage are well within their limits (domain::reading::judge).
READINGS = """
insert into readings (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
with recursive numbers (n) as (select ?3 union all select n - 1 from numbers where n > ?2)
select ?1, ?5 - n * ?4, ?5 - n * ?4 + 150, 225.0 + n % 100 / 10.0, 3.0 + n * 13 % 20 / 10.0, 0.92,
    (225.0 + n % 100 / 10.0) * (3.0 + n * 13 % 20 / 10.0) * 0.92, 0.87, null, 40
from numbers"""


def write_readings(db, readings):
    """All but the newest of each device."""
    for device in measuring(db):
        db.execute(READINGS, (device, 1, readings // len(MEASURING) - 1, interval_ms(readings), NEWEST_MS))


def write_newest(db, readings):
    """The newest of each device, with the triggers, so that the device's state is what they make it; it counts those before, too."""
    for device in measuring(db):
        db.execute(READINGS, (device, 0, 0, interval_ms(readings), NEWEST_MS))
        db.execute("update device_state set readings = ? where device_id = ?", (readings // len(MEASURING), device))


def measuring(db):
    marks = ", ".join("?" for _ in MEASURING)
    return [row[0] for row in db.execute(f"select id from devices where code in ({marks}) order by id", MEASURING)]


def interval_ms(readings):
    return days_of(readings) * DAY_MS * len(MEASURING) // readings


RESERVATION = """
insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, paid, hold_expires_at,
    announced, ended_at, created_at, updated_at, updated_by)
values (?, ?, ?, ?, 'standard', ?, ?, ?, ?, 3000, 'INR', ?, ?, ?, ?, ?, ?, 'bench')"""


def write_reservations(db, count):
    """Those of each spot follow one another from months ago to days ahead; around now they are the same however many there are."""
    each = count // len(RESERVABLE)
    ahead = max(AHEAD, each // 25)
    db.executemany(RESERVATION, (
        reservation(cycle, spot) for cycle in range(ahead - each, ahead) for spot in RESERVABLE
    ))


def reservation(cycle, spot):
    starts = NOW_MS + cycle * CYCLE_MS + spot * 37 % 105 * 60_000
    ends = starts + STAY_MS
    # Knuth's multiplicative hash: the same each time, and without a pattern.
    dice = (cycle * 1_000 + spot) * 2_654_435_761 % 2**32 % 100
    hold = None
    if ends <= NOW_MS + 600_000:
        # Also the few that end while this is measured: else they would become no-shows meanwhile.
        status = "completed" if dice < 82 else "cancelled" if dice < 90 else "expired" if dice < 95 else "no_show"
    elif dice < 88:
        status = "confirmed"
    elif dice < 90 and NOW_MS < starts and cycle < AHEAD:
        # An unpaid hold of 15 minutes.
        status, hold = "pending_payment", NOW_MS + 900_000
    else:
        status = "cancelled"
    created = min(starts - DAY_MS, NOW_MS)
    is_live = status in ("pending_payment", "confirmed")
    ended = None if is_live else ends if status in ("completed", "no_show") else starts - DAY_MS // 2
    number = (cycle + 1_000_000) * 1_000 + spot
    return (
        f"019c2a5e-4b00-7000-9000-{number:012x}", f"bench-{(cycle * 7 + spot) % USERS}", f"BENCH-{spot:03}", SITE, starts, ends,
        f"GJ{number % 90 + 10}AB{number * 7 % 10_000:04}", status, 3000 if status in ("completed", "confirmed", "no_show") else 0, hold,
        int(is_live and starts <= NOW_MS), None if ended is None else min(ended, NOW_MS), created, created if is_live else min(ends, NOW_MS),
    )
