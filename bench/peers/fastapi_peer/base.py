"""What the routes share: the database, and who calls."""

import os
import sqlite3
import threading
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import rules

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


def operator(claims: Annotated[dict, Depends(caller)]):
    if claims.get("role") not in rules.OPERATORS:
        raise HTTPException(403, "your role does not allow this")
    return claims


Caller = Annotated[dict, Depends(caller)]
Sender = Annotated[dict, Depends(sender)]
Operator = Annotated[dict, Depends(operator)]
