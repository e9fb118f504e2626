"""A temple's crowd now, its slots of a day, and booking one."""

import hmac
import json
import secrets
import struct
import uuid
from base64 import urlsafe_b64encode
from datetime import date as Date
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, model_validator

import rules
from fastapi_peer.base import Caller, local

router = APIRouter()
TEMPLE, CROWD = rules.statement("temple"), rules.statement("crowd")
SPECIAL_DAY, SLOTS = rules.statement("special_day"), rules.statement("slots")
BOOK_SLOT, BOOK = rules.statement("book_slot"), rules.statement("book")
LEVELS = ["low", "moderate", "high", "critical"]
HORIZON = timedelta(days=120)
TICKET_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PICTURE_KEY = bytes(32)
CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
PERIOD_S = 900


def temple_of(slug):
    found = local.db.execute(TEMPLE, (slug,)).fetchone()
    if found is None:
        raise HTTPException(404, "no such temple")
    return found[0], ZoneInfo(found[1])


@router.get("/api/crowd/temple/{temple}/current")
def crowd(temple: str):
    now = rules.now_ms()
    name, _ = temple_of(temple)
    zones = rules.items(local.db.execute(CROWD, (temple, now)))
    counted = [(zone["count"], zone["capacity"]) for zone in zones if zone["count"] is not None and zone["capacity"] is not None]
    room = sum(capacity for _, capacity in counted)
    levels = [zone["level"] for zone in zones if zone["level"]]
    return JSONResponse({
        "temple_id": temple, "name": name, "count": sum(zone["count"] or 0 for zone in zones), "capacity": room or None,
        "percent_of_capacity": round(100 * sum(count for count, _ in counted) / room, 1) if room else None,
        "level": max(levels, key=LEVELS.index, default=None), "zones": zones, "as_of": rules.from_ms(now),
    })


def minute(text_of):
    return f"{text_of // 60:02}:{text_of % 60:02}"


def moments(date, zone, starts, ends, closes):
    """When a slot begins, ends and closes."""
    midnight = datetime(date.year, date.month, date.day, tzinfo=zone)
    begin, end = (rules.to_ms(midnight + timedelta(minutes=at)) for at in (starts, ends))
    return begin, end, end if closes is None else min(begin + closes * 60_000, end)


def status_of(date, today, close, end, now, capacity, booked):
    if date > today + HORIZON:
        return "not_open"
    if now >= end:
        return "past"
    if now >= close:
        return "closed"
    left = capacity - booked
    return "full" if left <= 0 else "filling" if left * 5 <= capacity else "available"


@router.get("/api/bookings/temple/{temple}/slots")
def slots(temple: str, date: Date):
    now = rules.now_ms()
    _, zone = temple_of(temple)
    today = datetime.fromtimestamp(now / 1000, zone).date()
    special = local.db.execute(SPECIAL_DAY, (temple, date.isoformat())).fetchone()
    items = []
    for starts, ends, capacity, booked, waiting, per_person, closes in local.db.execute(SLOTS, (temple, date.isoformat(), date.isoweekday())):
        begin, end, close = moments(date, zone, starts, ends, closes)
        items.append({
            "slot": f"{minute(starts)}-{minute(ends)}", "start": minute(starts), "end": minute(ends), "starts_at": rules.from_ms(begin),
            "ends_at": rules.from_ms(end), "capacity": capacity, "booked": booked, "left": max(capacity - booked, 0), "waiting": waiting,
            "bookings_per_person": per_person, "closes_at": rules.from_ms(close),
            "status": status_of(date, today, close, end, now, capacity, booked),
        })
    return JSONResponse({
        "temple_id": temple, "date": date.isoformat(), "closed": special is not None and not items, "special": special is not None,
        "reason": special and special[0], "skipped": [], "items": items, "next_cursor": None,
    })


class Visitor(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    age: Annotated[int, Field(ge=0, le=150)] | None = None

    @model_validator(mode="before")
    @classmethod
    def named(cls, sent):
        return {"name": sent} if isinstance(sent, str) else sent


class Wish(BaseModel):
    temple_id: str
    date: Date
    slot: str = Field(min_length=1, max_length=16)
    party_size: int = Field(ge=1, le=10)
    visitors: list[Visitor] = Field(default=[], max_length=10)


@router.post("/api/bookings/", status_code=201)
def book(wish: Wish, _: Caller):
    now = rules.now_ms()
    _, zone = temple_of(wish.temple_id)
    date, weekday = wish.date.isoformat(), wish.date.isoweekday()
    today = datetime.fromtimestamp(now / 1000, zone).date()
    if not today <= wish.date <= today + HORIZON or len(wish.visitors) > wish.party_size:
        raise HTTPException(422, "the date or the visitors")
    offered = local.db.execute(BOOK_SLOT, (wish.temple_id, date, weekday, wish.slot)).fetchone()
    if offered is None:
        raise HTTPException(422, "slot")
    begin, end, close = moments(wish.date, zone, *offered)
    if now >= close:
        raise HTTPException(409, "booking_closed")
    id, code = new_id(now), "".join(CODE_ALPHABET[byte & 31] for byte in secrets.token_bytes(8))
    code = f"{code[:4]}-{code[4:]}"
    visitors = [visitor.model_dump(exclude_none=True) for visitor in wish.visitors]
    values = (
        str(id), code, wish.temple_id, date, weekday, wish.slot, begin, end, wish.party_size, json.dumps(visitors, separators=(",", ":")), now,
    )
    with rules.WRITER:
        stored = local.db.execute(BOOK, values).rowcount
    if stored != 1:
        raise HTTPException(409, "full")
    made = rules.from_ms(now)
    return JSONResponse({
        "id": str(id), "booking_code": code, "user_id": "bench", "temple_id": wish.temple_id, "date": date, "slot": wish.slot,
        "starts_at": rules.from_ms(begin), "ends_at": rules.from_ms(end), "party_size": wish.party_size, "visitors": visitors,
        "status": "confirmed", "waitlist_position": None, "reason": None, "promoted_at": None, "checked_in_at": None, "gate": None,
        "exited_at": None, "ended_at": None, "created_at": made, "updated_at": made,
        "ticket": ticket(id, begin, end, wish), **pictures(id, now),
    }, 201)


def new_id(now):
    """A UUIDv7."""
    random = int.from_bytes(secrets.token_bytes(10))
    return uuid.UUID(int=now << 80 | 7 << 76 | (random >> 68) << 64 | 2 << 62 | random & (1 << 62) - 1)


def ticket(id, begin, end, wish):
    """docs/reference/tickets.md."""
    said = bytes(4) + id.bytes + struct.pack(">IHBB", begin // 1000, (end - begin) // 60_000, wish.party_size, 1) + wish.temple_id.encode()
    signed = b"GHT1." + urlsafe_b64encode(said).rstrip(b"=")
    return (signed + b"." + urlsafe_b64encode(TICKET_KEY.sign(signed)).rstrip(b"=")).decode()


def pictures(id, now):
    """Where the ticket's pictures are, and their signed addresses."""
    expires = (now // 1000 // PERIOD_S + 2) * PERIOD_S
    signature = hmac.digest(PICTURE_KEY, f"{id} 1 {expires}".encode(), "sha256").hex()
    paths = {f"qr_{kind}": f"/api/bookings/{id}/qr.{kind}" for kind in ("svg", "png")}
    signed = {f"{name}_url": f"{path}?expires={expires}&signature={signature}" for name, path in paths.items()}
    return {**paths, **signed, "qr_urls_expire_at": rules.from_ms(expires * 1000)}
