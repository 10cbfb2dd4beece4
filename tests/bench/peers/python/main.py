"""The Python peer: FastAPI, asyncpg, uvicorn. Serves the operations that tests/bench measures, with whistled's replies and effects."""

import json
import os
import sys
import zlib
from pathlib import Path

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

import act
import create
import read
from auth import Auth
from dictionary import Dictionary
from things import Call, NotMeasured, Refusal, new_id

FIXED = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization, Origin", "X-Content-Type-Options": "nosniff"}


class App:
    """What all requests share."""

    async def open(self) -> None:
        env = os.environ
        size = max(1, round(int(env["BENCH_POOL"]) / int(env["BENCH_WORKERS"])))
        self.sql = {file.stem: file.read_text() for file in Path(env["BENCH_SQL"]).glob("*.sql")}
        self.sql |= {"case_lock": self.sql["case"] + " FOR UPDATE OF c", "ticket_lock": self.sql["ticket"] + " FOR UPDATE OF t"}
        self.pool = await asyncpg.create_pool(
            host=env["BENCH_SOCKET"], user="whistled", database=env["BENCH_DATABASE"], min_size=size, max_size=size, statement_cache_size=200,
            server_settings={"search_path": f"{env['BENCH_SCHEMA']},whistled,public", "TimeZone": "Asia/Shanghai"})
        self.dict = await Dictionary.load(self.pool, self.sql)
        self.auth = Auth(self.dict.cursor_key)

    async def row(self, connection, name: str, *values):
        return await connection.fetchrow(self.sql[name], *values)

    async def rows(self, connection, name: str, *values):
        return await connection.fetch(self.sql[name], *values)


def dumps(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def problem(app: App, request: Request, request_id: str, error: Refusal) -> Response:
    english = request.headers.get("accept-language", "").startswith("en")
    entry, lang = app.dict.errors[error.code], "en" if english else "zh"
    detail = lambda code: app.dict.errors[code][lang]  # noqa: E731
    body = {"type": f"/docs#errors-{error.code}", "title": entry[f"title_{lang}"], "status": entry["status"], "detail": detail(error.code),
            "instance": request_id, "code": error.code} | error.detail
    if error.pointer:
        body["errors"] = [{"pointer": error.pointer, "code": error.code, "detail": detail(error.code)}]
    if error.faults:
        body["errors"] = [{"pointer": pointer, "code": code, "detail": detail(code)} for pointer, code in error.faults]
    headers = FIXED | {"X-Request-Id": request_id, "Content-Language": "en" if english else "zh-CN"}
    if error.bearer:
        headers["WWW-Authenticate"] = error.bearer
    if entry["status"] == 503:
        headers["Retry-After"] = "1"
    return Response(dumps(body), entry["status"], headers | {"Content-Type": "application/problem+json"})


async def handle(app: App, request: Request, operation: str, handler) -> Response:
    request_id = request.headers.get("x-request-id") or new_id()
    try:
        roles = app.dict.roles[operation]
        token = app.auth.check(request.headers.get("authorization"))
        if not any(role in roles for role in token["roles"]):
            raise Refusal("insufficient_role", bearer='Bearer realm="whistled", error="insufficient_scope"')
        call = Call(request, token, roles, operation, await request.body())
        status, body, version, headers = await handler(app, call)
    except NotMeasured:
        return Response("not in the benchmark", 501)
    except Refusal as error:
        return problem(app, request, request_id, error)
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
        return problem(app, request, request_id, Refusal("unavailable"))
    content = dumps(body)
    headers = FIXED | {"X-Request-Id": request_id, "Content-Type": "application/json"} | headers
    if version is not None:
        headers["ETag"] = f'"{version}.{zlib.crc32(content):08x}"'
    return Response(content, status, headers)


app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
state = App()


@app.on_event("startup")
async def startup() -> None:
    await state.open()


@app.get("/readyz")
async def ready() -> Response:
    return Response()


@app.post("/v1/cases")
async def create_case(request: Request) -> Response:
    return await handle(state, request, "cases.create", create.create_case)


@app.get("/v1/cases/{id}")
async def get_case(request: Request) -> Response:
    return await handle(state, request, "cases.get", read.get_case)


@app.get("/v1/tickets")
async def list_tickets(request: Request) -> Response:
    return await handle(state, request, "tickets.list", read.list_tickets)


@app.post("/v1/cases/{id}/{action}")
async def act_on_case(request: Request, action: str) -> Response:
    return await handle(state, request, f"cases.{action.replace('-', '_')}", act.act_on_case)


@app.post("/v1/tickets/{id}/{action}")
async def act_on_ticket(request: Request, action: str) -> Response:
    return await handle(state, request, f"tickets.{action.replace('-', '_')}", act.act_on_ticket)


if __name__ == "__main__":
    uvicorn.run("main:app", host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), workers=int(os.environ["BENCH_WORKERS"]),
                loop="uvloop", http="httptools", access_log=False, log_level="warning")
    sys.exit(0)
