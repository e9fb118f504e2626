"""The five routes in FastAPI, for uvicorn: `uvicorn fastapi_peer:app`.

Handlers that touch the database are plain functions, so that FastAPI runs them in its thread pool, each thread with a connection
that it keeps: while one waits for the disk, others work. (As `async def` with SQLite in place they were measured at less than half.)
"""

import os
import sqlite3
import threading
import uuid
from datetime import datetime, timezone
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

import rules

app = FastAPI()
bearer = HTTPBearer(auto_error=False)


def connect():
    connection = sqlite3.connect(os.environ["BENCH_DB"], timeout=20, isolation_level=None, cached_statements=32)
    connection.executescript(rules.PRAGMAS)
    return connection


class Local(threading.local):
    def __init__(self):
        self.db = connect()


local = Local()


def caller(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]):
    if credentials is None:
        raise HTTPException(401, "sign in first")
    try:
        return jwt.decode(
            credentials.credentials, rules.SECRET, algorithms=["HS256"], issuer=rules.ISSUER, audience=rules.AUDIENCE,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401, "the access token is not valid or has expired") from None


def sender(claims: Annotated[dict, Depends(caller)]):
    if claims.get("role") not in rules.SENDERS:
        raise HTTPException(403, "your role does not allow this")
    return claims


def in_time(time: datetime) -> datetime:
    if problem := rules.timestamp_problem(time):
        raise ValueError(problem)
    return time


class Reading(BaseModel):
    device_code: str = Field(pattern=rules.DEVICE_CODE.pattern)
    voltage: float = Field(ge=0, le=500, allow_inf_nan=False)
    current: float = Field(ge=0, le=1000, allow_inf_nan=False)
    power_factor: float = Field(ge=-1, le=1, allow_inf_nan=False)
    occupied: bool | None = None
    battery: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    timestamp: Annotated[datetime, AfterValidator(in_time)]

    def row(self, now):
        return rules.row(
            self.device_code, self.timestamp, now, self.voltage, self.current, self.power_factor, self.battery, self.occupied
        )


async def raw(request: Request):
    return await request.body()


many = TypeAdapter(list[Reading])
anything = TypeAdapter(list[object])


@app.get("/health", response_class=PlainTextResponse)
async def health():
    return "ok"


@app.post("/api/telemetry/", status_code=201)
def telemetry(reading: Reading, _: Annotated[dict, Depends(sender)]):
    parameters = reading.row(rules.now_ms())
    try:
        with rules.WRITER:
            local.db.execute(rules.SINGLE, parameters)
    except sqlite3.IntegrityError as error:
        if "NOT NULL" in str(error):
            raise HTTPException(404, "no such active device") from None
        raise HTTPException(409, "stored already") from None
    return JSONResponse(rules.stored(parameters, reading.timestamp), 201)


@app.post("/api/telemetry/bulk/")
def bulk(body: Annotated[bytes, Depends(raw)], _: Annotated[dict, Depends(sender)]):
    rejected = 0
    try:
        readings = many.validate_json(body)
    except ValidationError:
        readings = []
        try:
            items = anything.validate_json(body)
        except ValidationError:
            raise HTTPException(400, "not a JSON array") from None
        for item in items:
            try:
                readings.append(Reading.model_validate(item))
            except ValidationError:
                rejected += 1
    now = rules.now_ms()
    rows = [reading.row(now) for reading in readings]
    db = local.db
    with rules.WRITER:
        db.execute("begin immediate")
        try:
            accepted = db.executemany(rules.BULK, rows).rowcount
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise
    return JSONResponse({"accepted": accepted, "duplicate": len(readings) - accepted, "rejected": rejected})


@app.get("/api/dashboard/overview/")
def overview(_: Annotated[dict, Depends(caller)]):
    now = rules.now_ms()
    db = local.db
    zones = db.execute(rules.BY_ZONE).fetchall()
    devices = db.execute(rules.DEVICES, rules.device_parameters(now)).fetchone()
    return JSONResponse(rules.overview(zones, devices, now))


class Wish(BaseModel):
    spot_id: str = Field(min_length=1, max_length=64)
    start: datetime
    end: datetime
    vehicle_plate: str = Field(pattern=rules.PLATE.pattern)


@app.post("/api/reservations", status_code=201)
def reserve(wish: Wish, _: Annotated[dict, Depends(caller)]):
    now = rules.now_ms()
    start, end = rules.to_ms(wish.start), rules.to_ms(wish.end)
    if start < now or not 900_000 <= end - start <= 30 * 86_400_000:
        raise HTTPException(422, "the stay is not one that is offered")
    price = rules.price(local.db.execute(rules.TERMS, ("bench",)).fetchone(), wish.start, wish.end)
    parameters = {
        "id": str(uuid.uuid4()), "spot_id": wish.spot_id, "start": start, "end": end, "plate": wish.vehicle_plate, "price": price, "now": now,
    }
    with rules.WRITER:
        stored = local.db.execute(rules.RESERVE, parameters).rowcount
    if stored != 1:
        raise HTTPException(409, "taken")
    answer = {
        "id": parameters["id"], "spot_id": wish.spot_id, "site": "bench", "start": rules.rfc3339(wish.start), "end": rules.rfc3339(wish.end),
        "vehicle_plate": wish.vehicle_plate, "status": "pending_payment", "price": price, "currency": "INR",
        "hold_expires_at": rules.rfc3339(datetime.fromtimestamp(now / 1000 + 900, timezone.utc)), "created_at": rules.rfc3339(datetime.now(timezone.utc)),
    }
    return JSONResponse(answer, 201)


@app.get("/api/spots/available")
def available(site: str, start: Annotated[datetime, Query(alias="from")], to: datetime, limit: Annotated[int, Query(ge=1, le=500)] = 50):
    db = local.db
    price = rules.price(db.execute(rules.TERMS, (site,)).fetchone(), start, to)
    period = {"start": rules.to_ms(start), "end": rules.to_ms(to), "now": rules.now_ms(), "site": site, "limit": limit}
    spots = db.execute(rules.AVAILABLE, period).fetchall()
    until = {"from": rules.rfc3339(start), "to": rules.rfc3339(to), "price": price, "currency": "INR"}
    items = [{"spot_id": spot, "site": site, "zone": zone, "kind": kind, **until} for spot, zone, kind in spots]
    return JSONResponse({"items": items, "next_cursor": None})
