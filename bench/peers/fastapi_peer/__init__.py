"""The routes in FastAPI, for uvicorn: `uvicorn fastapi_peer:app`.

Handlers that touch the database are plain functions, so that FastAPI runs them in its thread pool, each thread with a connection
that it keeps: while one waits for the disk, others work. (As `async def` with SQLite in place they were measured at less than half.)
"""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from fastapi_peer import lists, parking, telemetry, temples

app = FastAPI()
for part in (telemetry, parking, lists, temples):
    app.include_router(part.router)


@app.get("/health", response_class=PlainTextResponse)
async def health():
    return "ok"
