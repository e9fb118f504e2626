"""Changes that go on beside the reads that are measured."""

import contextlib
import http.client
import json
import threading
import time

from harness.fixture import DAY_MS, DAYS_MS, TEMPLE, ZONES, rfc3339
from harness.history import RESERVABLE, STAY_MS

PER_SECOND = 100
# Where the reservations begin that are made meanwhile: after those that are written, and long before those of the fixture.
MADE_MS = DAYS_MS + 40 * DAY_MS


class Changes:
    """Changes of a steady rate over one connection of its own; each makes what was kept of some answers out of date."""

    def __init__(self, server):
        self.server = server
        self.made = 0

    @contextlib.contextmanager
    def going_on(self, kind):
        """Makes changes of a kind, if there is one, until the body of `with` has ended; afterwards the dict tells their rate and what failed."""
        told = {"changes_per_second": 0.0, "failed": 0}
        if not kind:
            yield told
            return
        enough = threading.Event()
        thread = threading.Thread(target=self.make, args=(kind, enough, told))
        thread.start()
        try:
            yield told
        finally:
            enough.set()
            thread.join()

    def make(self, kind, enough, told):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        headers = {"authorization": f"Bearer {self.server.token}", "content-type": "application/json"}
        begun = time.monotonic()
        sent = 0
        while not enough.wait(max(0.0, begun + sent / PER_SECOND - time.monotonic())):
            path, body = self.next(kind)
            try:
                connection.request("POST", path, json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
                told["failed"] += answer.status != 201
            except (OSError, http.client.HTTPException):
                connection.close()
                told["failed"] += 1
            sent += 1
        told["changes_per_second"] = sent / (time.monotonic() - begun)
        connection.close()

    def next(self, kind):
        turn, self.made = self.made, self.made + 1
        if kind == "counts":
            body = {"zone": ZONES[turn % len(ZONES)], "count": 300 + turn % 100, "timestamp": rfc3339(time.time() * 1000)}
            return f"/api/crowd/temple/{TEMPLE}/update", body
        stay, spot = divmod(turn, len(RESERVABLE))
        start = MADE_MS + stay * STAY_MS
        return "/api/reservations", {
            "spot_id": f"BENCH-{RESERVABLE[spot]:03}", "start": rfc3339(start), "end": rfc3339(start + STAY_MS),
            "vehicle_plate": f"GJ01AB{turn % 10_000:04}",
        }
