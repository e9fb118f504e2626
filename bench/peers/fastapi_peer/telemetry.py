"""Readings, one by one and in bulk."""

import sqlite3
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

import rules
from fastapi_peer.base import Sender, local

router = APIRouter()


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


@router.post("/api/telemetry/", status_code=201)
def telemetry(reading: Reading, _: Sender):
    parameters = reading.row(rules.now_ms())
    try:
        with rules.WRITER:
            local.db.execute(rules.SINGLE, parameters)
    except sqlite3.IntegrityError as error:
        if "NOT NULL" in str(error):
            raise HTTPException(404, "no such active device") from None
        raise HTTPException(409, "stored already") from None
    return JSONResponse(rules.stored(parameters, reading.timestamp), 201)


@router.post("/api/telemetry/bulk/")
def bulk(body: Annotated[bytes, Depends(raw)], _: Sender):
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
