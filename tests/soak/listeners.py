"""What 500 listeners cost those who write: rounds with and without them in turn, the same service, the same street.

Run by script/bench-listeners; prints a line for each round and the ratio of the medians."""

import asyncio
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import time
import uuid

import psycopg
import requests
from support import tokens
from support.postgres import Postgres
from support.pull import DEPARTMENTS, build
from support.service import Service
from support.world import GRIDS, World, person_uuid

# kind of listening, role, how many people, and what they are called
LISTENERS = [
    ("stream", "citizen", 300, "resident{}"), ("wait", "department", 100, "d{}"), ("stream", "department", 40, "d{}"),
    ("wait", "grid_worker", 40, "walker{}"), ("stream", "community", 10, "community_xf"), ("stream", "dispatcher", 10, "dispatcher"),
]
WRITERS, PROCESSES = 32, 2


def populate(postgres: Postgres) -> None:
    build(postgres, "main")
    with psycopg.connect(postgres.url("whistled_owner", "main")) as connection:
        connection.execute("SET search_path = whistled, public")
        world = World(connection, "street")
        grids = list(GRIDS)
        for n in range(300):
            world.person(f"resident{n}", f"Resident {n}", ["citizen"], None, [], [])
        for n in range(40):
            world.person(f"walker{n}", f"Walker {n}", ["grid_worker"], "xf", [], [])
            world.insert("grid_assignments", id=str(uuid.uuid4()), grid_code=grids[n % len(grids)], kind="part_time",
                         person_id=person_uuid("street", f"walker{n}"), valid_from="2020-01-01")


def head(method: str, path: str, token: str, *more: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}", *more, "", ""])


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    header = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in header.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return int(header[9:12]), await reader.readexactly(size)


async def write(port: int, token: str, until: float, seed: int) -> int:
    """Reports without a pause, all over the three grids. By area: places would make each a duplicate of many, and dearer than the last."""
    dice, done = random.Random(seed), 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        body = json.dumps({"description": "Bench", "kind": "problem", "category": "litter", "area": dice.choice(list(GRIDS))})
        writer.write((head("POST", "/v1/cases", token, "Content-Type: application/json", f"Content-Length: {len(body)}")
                      + body).encode())
        status, _ = await read_reply(reader)
        assert status == 201, status
        done += 1
    writer.close()
    return done


def write_all(port: int, token: str, until: float, seed: int) -> int:
    async def gather():
        return sum(await asyncio.gather(*[write(port, token, until, seed * 100 + n) for n in range(WRITERS // PROCESSES)]))

    return asyncio.run(gather())


async def listen(port: int, token: str, heard: list) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("GET", "/v1/events", token, "Accept: text/event-stream").encode())
    while data := await reader.read(1 << 16):
        heard[0] += data.count(b"\ndata: ")
    writer.close()


async def wait(port: int, token: str, path: str, heard: list) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    where, prefer = "updated_after=2099-01-01T00:00:00Z", []  # the last minutes, quickly; then what is new
    while True:
        writer.write(head("GET", f"{path}?limit=200&{where}", token, *prefer).encode())
        status, body = await read_reply(reader)
        assert status == 200, body
        page = json.loads(body)
        heard[0] += len(page["items"]) if prefer else 0
        where = f"cursor={page['next_cursor']}"
        prefer = prefer if page["items"] else ["Prefer: wait=25"]


def listeners(port: int, ready, stop, told) -> None:
    """In a process of its own: all of them, until it is told to stop."""
    async def run():
        heard, tasks = [0], []
        for kind, role, n, name in LISTENERS:
            for i in range(n):
                subject = name.format(i % len(DEPARTMENTS) if role == "department" else i)
                token = tokens.mint(subject, [role], "street")
                path = "/v1/tickets" if role == "department" else "/v1/cases"
                work = listen(port, token, heard) if kind == "stream" else wait(port, token, path, heard)
                tasks.append(asyncio.create_task(work))
                await asyncio.sleep(0.002)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        told.value = heard[0]
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def measure(service: Service, token: str, seconds: float, seed: int) -> float:
    begun = time.monotonic()
    with multiprocessing.Pool(PROCESSES) as pool:
        done = pool.starmap(write_all, [(service.port, token, begun + seconds, seed + n) for n in range(PROCESSES)])
    return sum(done) / seconds


def listening(service: Service) -> int:
    text = requests.get(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=5).text
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(("whistled_streams{", "whistled_waiters{")))


def with_listeners(service: Service, token: str, seconds: float, seed: int) -> tuple[float, int, int]:
    ready, stop, told = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("l")
    process = multiprocessing.Process(target=listeners, args=(service.port, ready, stop, told))
    process.start()
    ready.wait()
    while listening(service) < sum(n for _, _, n, _ in LISTENERS):
        time.sleep(0.05)
    hanging = listening(service)
    rate = measure(service, token, seconds, seed)
    stop.set()
    process.join()
    while listening(service):
        time.sleep(0.05)
    return rate, hanging, told.value


def main(rounds: int, seconds: float) -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    postgres = Postgres(durable=True)
    postgres.start()
    postgres.create_database("main")
    service = Service(postgres, "main", log_level="warning", test_clock=0)
    assert service.run("migrate").returncode == 0
    populate(postgres)
    service.start()
    token = tokens.mint("citizen", ["citizen"], "street")
    measure(service, token, seconds, 0)  # warm
    without, beside = [], []
    for n in range(rounds):
        # In turn who is first: what has been written makes the next write no cheaper.
        alone = measure(service, token, seconds, 10 * n) if n % 2 == 0 else None
        rate, hanging, heard = with_listeners(service, token, seconds, 10 * n + 5)
        without.append(alone or measure(service, token, seconds, 10 * n))
        beside.append(rate)
        print(f"round {n + 1}: {without[-1]:.0f}/s without, {rate:.0f}/s beside {hanging} listeners who heard {heard}", flush=True)
    assert service.stop() == 0
    ratio = statistics.median(beside) / statistics.median(without)
    print(f"medians: {statistics.median(without):.0f}/s and {statistics.median(beside):.0f}/s: {ratio:.3f}")
    return 0 if ratio >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("WHISTLED_BENCH_ROUNDS", "5")), float(os.environ.get("WHISTLED_BENCH_SECONDS", "10"))))
