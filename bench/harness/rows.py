"""The rows of the table: what each asks for, and of whom."""

from collections import namedtuple

from harness.contestants import DJANGO, FASTAPI, GATEHOUSE, LIMIT
from harness.fixture import DAYS_MS, READINGS_MS, STAYS, TEMPLE, date_of

BULK_ROWS = 100
ALL = (GATEHOUSE, LIMIT, DJANGO, FASTAPI)
WITHOUT_DJANGO = (GATEHOUSE, LIMIT, FASTAPI)

# `load` is the load generator's kind; `base_ms` is where what is written begins; `tail` asks for the row of slowest answers too.
Row = namedtuple("Row", "name label load path base_ms of tail", defaults=(READINGS_MS, WITHOUT_DJANGO, False))

# A day on which every spot has a reservation, at another time of it.
STAY = f"from={date_of(STAYS.start + 1)}T10:00:00Z&to={date_of(STAYS.start + 1)}T14:00:00Z"
ROWS = [
    Row("single", "single durable ingest, requests/s", "single", "/api/telemetry/", READINGS_MS, ALL, True),
    Row("bulk", f"bulk ingest, {BULK_ROWS} a request, readings/s", "bulk", "/api/telemetry/bulk/", READINGS_MS, ALL),
    Row("reserve", "durable reservation, requests/s", "reserve", "/api/reservations", DAYS_MS, tail=True),
    Row("book", "durable booking with its ticket, requests/s", "book", "/api/bookings/", DAYS_MS, tail=True),
    Row("ping", "ping (`/health`), requests/s", "get", "/health", of=ALL),
    # A refusal is a line of the log, which goes to a file here.
    Row("logged", "requests that are refused and logged, requests/s", "missing", "/api/nothing", of=(GATEHOUSE,)),
    Row("overview", "overview, requests/s", "get", "/api/dashboard/overview/", of=ALL),
    Row("available", "spots available for a period, requests/s", "get", f"/api/spots/available?site=bench&{STAY}&limit=50"),
    Row("crowd", "crowd of a temple now, requests/s", "get", f"/api/crowd/temple/{TEMPLE}/current"),
    Row("slots", "darshan slots of a day, requests/s", "get", f"/api/bookings/temple/{TEMPLE}/slots?date={date_of(1)}"),
    Row("alerts", "50 alerts, requests/s", "get", "/api/alerts/?limit=50"),
    Row("reservations", "50 reservations, requests/s", "get", "/api/reservations?limit=50"),
    Row("devices", "50 devices, requests/s", "get", "/api/devices/?limit=50"),
    Row("spots", "50 spots, requests/s", "get", "/api/spots?limit=50"),
]
