"""Who competes: Gatehouse, the limit, and the peers, each with its database filled and a token that it takes."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
import urllib.error

from harness.fixture import copy, fill
from harness.paths import LIMIT_PROGRAM, PEERS, PROGRAM, VENV, say
from harness.servers import Server, call

GATEHOUSE, LIMIT, DJANGO, FASTAPI = "Gatehouse", "native limit", "Django REST", "FastAPI"

# A route of each component of spin.toml, which answers once the component is compiled. That goes on behind a first start, and behind the next ones as
# long as it is not done: at the cost of whatever is measured meanwhile.
EACH_COMPONENT = [
    "/api/auth/login", "/api/users/me", "/api/sites", "/api/sites/none/plan", "/api/telemetry/?device=none", "/api/alerts/", "/api/cameras",
    "/api/bookings/my-bookings", "/api/crowd/temple/none/current", "/api/transport/routes", "/api/analytics/occupancy", "/api/export/none",
    "/api/emergency/active", "/api/resources/", "/api/reservations", "/v0/api/mail/none", "/api/payments/none", "/api/search",
    "/api/events?channels=none", "/internal/tick", "/ready", "/console/", "/api/openapi.json",
]


def wait_until_compiled(server):
    for path in EACH_COMPONENT:
        # What it answers does not matter.
        with contextlib.suppress(urllib.error.HTTPError, json.JSONDecodeError):
            call(server.port, path, server.token)


def start_gatehouse(directory, program, variables=()):
    """A Gatehouse of its own state, started for the first time: it migrates, makes its keys and compiles. With its secrets."""
    state = directory / "state"
    words = [program or PROGRAM, "up", "--demo", "none", "--listen", "127.0.0.1:{port}", "--state-dir", state]
    for variable in ["access_token_seconds=7200", *variables]:
        words += ["--variable", variable]
    server = Server(GATEHOUSE, directory, words, database=state / "default.db")
    say("Starting Gatehouse for the first time: its components are compiled, a minute or two")
    server.start(within=1200)
    server.words.append("--no-build")
    secrets = json.loads((state / "secrets.json").read_text())
    login = {"email": "admin@gatehouse.example", "password": secrets["admin_password"]}
    # Before the login: a component that is still compiled may take longer than a request may.
    wait_until_compiled(server)
    server.token = call(server.port, "/api/auth/login", body=login)["access"]
    return server, secrets


def contestants(work, arguments):
    """All four, stopped, Gatehouse first."""
    gatehouse, _ = start_gatehouse(work / "gatehouse", arguments.gatehouse)
    key = call(gatehouse.port, "/.well-known/jwks.json")["keys"][0]
    gatehouse.stop()
    fill(gatehouse.database)

    limit = Server(
        LIMIT, work / "limit",
        [LIMIT_PROGRAM, "serve", "--listen", "127.0.0.1:{port}", "--db", "{db}", "--jwk-x", f"{key['x']},{key['kid']}"],
    )
    limit.token = gatehouse.token
    django = Server(DJANGO, work / "django", gunicorn(arguments.django), PYTHON, PEERS)
    fastapi = Server(FASTAPI, work / "fastapi", UVICORN, PYTHON, PEERS)
    django.token = fastapi.token = hs256_token()
    for server in (limit, django, fastapi):
        copy(gatehouse.database, server.database)
    return [gatehouse, limit, django, fastapi]


PYTHON = {"PYTHONPATH": str(PEERS), "PYTHONDONTWRITEBYTECODE": "1"}
UVICORN = [
    VENV / "bin/uvicorn", "fastapi_peer:app", "--workers", "2", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error",
    "--no-access-log", "--timeout-keep-alive", "75",
]


def gunicorn(kind):
    words = [VENV / "bin/gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "--log-level", "error", "--no-control-socket"]
    if kind == "gthread":
        words += ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"]
    return [*words, "django_peer:application"]


def hs256_token():
    """What simplejwt and PyJWT verify: HS256, as is usual with them."""
    import rules

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {
        "token_type": "access", "iat": now, "exp": now + 7200, "jti": "bench", "user_id": "bench", "sub": "bench", "role": "operator",
        "iss": rules.ISSUER, "aud": rules.AUDIENCE,
    }
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(rules.SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
