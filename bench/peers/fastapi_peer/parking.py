"""The overview, and spots for a stay."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import rules
from fastapi_peer.base import Caller, local

router = APIRouter()
TARIFF, AVAILABLE, RESERVE = rules.statement("tariff"), rules.statement("available"), rules.statement("reserve")


@router.get("/api/dashboard/overview/")
def overview(_: Caller):
    now = rules.now_ms()
    db = local.db
    zones = db.execute(rules.BY_ZONE, (now,)).fetchall()
    devices = db.execute(rules.DEVICES, (now,)).fetchone()
    return JSONResponse(rules.overview(zones, devices, now))


class Wish(BaseModel):
    spot_id: str = Field(min_length=1, max_length=64)
    start: datetime
    end: datetime
    vehicle_plate: str = Field(pattern=rules.PLATE.pattern)


@router.post("/api/reservations", status_code=201)
def reserve(wish: Wish, _: Caller):
    now = rules.now_ms()
    start, end = rules.to_ms(wish.start), rules.to_ms(wish.end)
    if start < now or not 900_000 <= end - start <= 30 * 86_400_000:
        raise HTTPException(422, "the stay is not one that is offered")
    price = rules.price(local.db.execute(TARIFF, ("bench",)).fetchone(), wish.start, wish.end)
    id = str(uuid.uuid4())
    with rules.WRITER:
        placed = local.db.execute(RESERVE, (start, end, now, id, wish.vehicle_plate, price, wish.spot_id)).fetchall()
    if not placed:
        raise HTTPException(409, "taken")
    kind, zone = placed[0]
    made = rules.from_ms(now)
    answer = {
        "id": id, "user_id": "bench", "spot_id": wish.spot_id, "site": "bench", "zone": zone, "kind": kind,
        "start": rules.rfc3339(wish.start), "end": rules.rfc3339(wish.end), "vehicle_plate": wish.vehicle_plate, "status": "pending_payment",
        "price": price, "currency": "INR", "paid": 0, "due": price, "hold_expires_at": rules.from_ms(now + 900_000), "due_until": None,
        "paid_until": None, "change": None, "arrived_at": None, "left_at": None, "ended_at": None, "created_at": made, "updated_at": made,
    }
    return JSONResponse(answer, 201)


@router.get("/api/spots/available")
def available(
    site: str, start: Annotated[datetime, Query(alias="from")], to: datetime, limit: Annotated[int, Query(ge=1, le=500)] = 50,
):
    db = local.db
    price = rules.price(db.execute(TARIFF, (site,)).fetchone(), start, to)
    spots = db.execute(AVAILABLE, (rules.to_ms(start), rules.to_ms(to), rules.now_ms(), site, limit)).fetchall()
    until = {"from": rules.rfc3339(start), "to": rules.rfc3339(to), "price": price, "currency": "INR"}
    items = [{"spot_id": spot, "site": site, "zone": zone, "kind": kind, **until} for spot, zone, kind in spots]
    return JSONResponse({"items": items, "next_cursor": None})
