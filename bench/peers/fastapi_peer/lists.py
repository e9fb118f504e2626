"""Pages of lists."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

import rules
from fastapi_peer.base import Operator, local

router = APIRouter()
ALERTS, RESERVATIONS, DEVICES, SPOTS = (rules.statement(name) for name in ("alerts", "reservations", "devices", "spots"))
Limit = Annotated[int, Query(ge=1, le=500)]


def page(statement, key, limit, cursor):
    try:
        after = rules.after(cursor)
    except ValueError:
        raise HTTPException(422, "the cursor is not one that was given here") from None
    found = rules.items(local.db.execute(statement, (after, limit + 1, rules.now_ms())))
    return JSONResponse(rules.page(found, limit, key))


@router.get("/api/alerts/")
def alerts(_: Operator, limit: Limit = 50, cursor: str | None = None):
    return page(ALERTS, "id", limit, cursor)


@router.get("/api/reservations")
def reservations(_: Operator, limit: Limit = 50, cursor: str | None = None):
    return page(RESERVATIONS, "_no", limit, cursor)


@router.get("/api/devices/")
def devices(_: Operator, limit: Limit = 50, cursor: str | None = None):
    return page(DEVICES, "device_code", limit, cursor)


@router.get("/api/spots")
def spots(limit: Limit = 50, cursor: str | None = None):
    return page(SPOTS, "spot_id", limit, cursor)
