"""A small street of the tests' own: two communities, three grids, two departments, somebody for every role."""

import struct
import uuid
import zlib
from datetime import datetime, timedelta, timezone

import psycopg

from . import tokens
from .client import Client, Reply
from .contract import Contract
from .service import Service

LOCAL = timezone(timedelta(hours=8))

# Grids are squares of 0.01 degrees side by side; a point is the middle of one.
GRIDS = {"XF-01": (125.70, 41.60), "XF-02": (125.71, 41.60), "CA-01": (125.72, 41.60)}
SIDE = 0.01

# subject: (name, roles, organisation, areas or grids, posts)
PEOPLE = {
    "citizen": ("Citizen One", ["citizen"], None, [], []),
    "citizen2": ("Citizen Two", ["citizen"], None, [], []),
    "grid1": ("Grid One", ["grid_worker"], "xf", ["XF-01"], []),
    "grid2": ("Grid Two", ["grid_worker"], "xf", ["XF-02"], []),
    "grid3": ("Grid Three", ["grid_worker"], "ca", ["CA-01"], []),
    "community_xf": ("Community Xinfeng", ["community"], "xf", ["XF"], []),
    "community_ca": ("Community Changan", ["community"], "ca", ["CA"], []),
    "clerk": ("Window Clerk", ["window_clerk"], "xf", [], []),
    "dispatcher": ("Dispatcher One", ["dispatcher"], "office", [], []),
    "dispatcher2": ("Dispatcher Two", ["dispatcher"], "office", [], []),
    "leader": ("Leader One", ["leader"], "office", [], ["secretary"]),
    "leader2": ("Leader Two", ["leader"], "office", [], ["street_head"]),
    "supervisor": ("Supervisor One", ["supervisor"], "office", [], []),
    "supervisor2": ("Supervisor Two", ["supervisor"], "office", [], []),
    "auditor": ("Auditor", ["auditor"], "office", [], []),
    "admin": ("Admin", ["admin"], "office", [], []),
    "city": ("City One", ["department"], "city", [], []),
    "city2": ("City Two", ["department"], "city", [], []),
    "water": ("Water One", ["department"], "water", [], []),
    "property": ("Property One", ["property"], "estate_co", [], []),
}

# code: (lead organisation, on_scene, photo_required)
# Places of the ledger. name: (grid, capacity, estate, who runs it)
PLACES = {
    "hall29": ("XF-01", 29, None, None), "hall30": ("XF-01", 30, None, None), "hall31": ("XF-01", 31, None, None),
    "hall1000": ("XF-01", 1000, None, None), "hall0": ("XF-01", 0, None, None), "unknown": ("XF-01", None, None, None),
    "annex": ("XF-01", 29, None, None),
    "garage": ("XF-01", 12, "XF-01-E", None), "kiosk": ("XF-02", 5, None, "estate_co"), "far": ("CA-01", 40, None, None),
}

CATEGORIES = {
    "litter": ("city", True, False),
    "pothole": ("city", True, False),
    "pothole_photo": ("city", True, True),
    "gas_leak": ("city", True, False),
    "advice": ("city", False, False),
}


class Clock:
    """The injected time. A day of its own for each test, so that tests do not meet; always a Wednesday, 10:00."""

    _weeks = 0

    def __init__(self):
        Clock._weeks += 1
        self.now = datetime(2027, 3, 3, 10, 0, tzinfo=LOCAL) + timedelta(weeks=Clock._weeks)

    def forward(self, **how) -> datetime:
        self.now += timedelta(**how)
        return self.now

    @staticmethod
    def real() -> datetime:
        return datetime.now(LOCAL)


def iso(moment: datetime) -> str:
    return moment.astimezone(LOCAL).isoformat(timespec="milliseconds")


def square(lon: float, lat: float, wide: int = 1) -> str:
    right, top = lon + SIDE * wide, lat + SIDE
    return f"MULTIPOLYGON((({lon} {lat},{right} {lat},{right} {top},{lon} {top},{lon} {lat})))"


class World:
    """Rows for one tenant, inserted as the owner."""

    def __init__(self, connection: psycopg.Connection, tenant: str):
        self.connection, self.tenant = connection, tenant

    def insert(self, table: str, **row) -> None:
        row = {"tenant": self.tenant} | row
        columns = ", ".join(row)
        values = ", ".join(
            "ST_GeomFromText(%s, 4326)" if isinstance(v, str) and v.startswith("MULTIPOLYGON") else "%s"
            for v in row.values()
        )
        self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", list(row.values()))

    def organisation(self, code: str, kind: str, name: str) -> None:
        self.insert("organisations", code=code, kind=kind, name=name)

    def area(self, kind: str, path: list[str], name: str, organisation: str | None, geometry: str) -> None:
        self.insert(
            "areas", code=path[-1], kind=kind, name=name, parent_code=path[-2] if len(path) > 1 else None, path=path,
            community_code=path[1] if len(path) > 1 else None, organisation_code=organisation, geometry=geometry,
        )

    def person(self, subject: str, name: str, roles, organisation, areas, posts) -> None:
        person_id = person_uuid(self.tenant, subject)
        self.insert(
            "people", id=person_id, subject=subject, name=name, phone="13900000000", roles=roles,
            organisation_code=organisation, posts=posts, areas=[a for a in areas if a not in GRIDS],
        )
        for grid in areas:
            if grid in GRIDS:
                self.insert("grid_assignments", id=str(uuid.uuid4()), grid_code=grid, person_id=person_id,
                            kind="full_time", valid_from="2020-01-01")


def person_uuid(tenant: str, subject: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/{subject}"))


def place_uuid(tenant: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/places/{name}"))


def build_world(url: str, tenant: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = whistled, public")
        world = World(connection, tenant)
        world.insert("tenants", name=f"Street {tenant}", number_prefix="ST")
        world.insert("policies", version=1, valid_from=datetime(2020, 1, 1, tzinfo=LOCAL))
        for code, kind in {"street": "street", "office": "office", "xf": "community", "ca": "community",
                           "city": "department", "water": "department", "estate_co": "property_company"}.items():
            world.organisation(code, kind, f"Organisation {code}")
        world.area("street", ["ST"], "The street", "street", square(125.70, 41.60, 3))
        world.area("community", ["ST", "XF"], "Xinfeng", "xf", square(125.70, 41.60, 2))
        world.area("community", ["ST", "CA"], "Changan", "ca", square(125.72, 41.60))
        for code, (lon, lat) in GRIDS.items():
            world.area("grid", ["ST", code.split("-")[0], code], f"Grid {code}", None, square(lon, lat))
        world.area("estate", ["ST", "XF", "XF-01", "XF-01-E"], "The estate", "estate_co", square(*GRIDS["XF-01"]))
        # A release before 0023, which is migrated afterwards, knows less of places.
        knows = connection.execute("SELECT to_regclass('hazards') IS NOT NULL").fetchone()[0]
        for name, (grid, capacity, estate, organisation) in PLACES.items():
            more = {"estate_code": estate, "organisation_code": organisation} if knows else {}
            world.insert("places", id=place_uuid(tenant, name), grid_code=grid, kind="shop", name=name, capacity=capacity, **more)
        for subject, fields in PEOPLE.items():
            world.person(subject, *fields)
        for code, (lead, on_scene, photo) in CATEGORIES.items():
            world.insert("categories", code=code, name=code, **{"class": "tests"}, lead_organisation=lead,
                         on_scene=on_scene, photo_required=photo, default_level="ordinary")


class Street:
    """Everybody of one tenant as a client, and the steps that stories are made of."""

    def __init__(self, service: Service, contract: Contract, clock: Clock, tenant: str):
        self.service, self.contract, self.clock, self.tenant = service, contract, clock, tenant
        self.clients: dict[str, Client] = {}

    def __getattr__(self, name: str) -> Client:
        if name not in PEOPLE:
            raise AttributeError(name)
        if name not in self.clients:
            self.clients[name] = self.client(name, PEOPLE[name][1])
        return self.clients[name]

    def client(self, subject: str, roles: list[str], **more) -> Client:
        token = tokens.mint(subject, roles, self.tenant, **more)
        return Client(self.service.base, self.contract, token, subject, self.clock)

    def person(self, subject: str) -> str:
        return person_uuid(self.tenant, subject)

    def place(self, name: str) -> str:
        return place_uuid(self.tenant, name)

    def hazard(self, client: Client | None = None, place: str = "hall30", **more) -> Reply:
        """Found by the grid worker of the place."""
        body = {"place_id": self.place(place), "category": "litter", "description": "The exit is blocked", "same_day_fixable": False}
        reply = (client or self.grid1).post("/v1/hazards", body | more)
        assert reply.status == 201, reply
        assert reply.headers["Location"] == f"/v1/hazards/{reply['id']}"
        return reply

    @staticmethod
    def point(grid: str) -> dict:
        lon, lat = GRIDS[grid]
        return {"lon": round(lon + SIDE / 2, 6), "lat": round(lat + SIDE / 2, 6), "accuracy": 10}

    def body(self, at: str | None = None, **more) -> dict:
        """What a reporter sends."""
        body = {"description": "Something is in the way", "kind": "problem", "category": "litter"}
        if at:
            body["location"] = {name: self.point(at)[name] for name in ("lon", "lat")}
        return {name: value for name, value in (body | more).items() if value is not None}

    def report(self, client: Client | None = None, at: str | None = None, **more) -> Reply:
        reply = (client or self.citizen).post("/v1/cases", self.body(at, **more))
        assert reply.status == 201, reply
        assert reply.headers["Location"] == f"/v1/cases/{reply['id']}"
        return reply

    @staticmethod
    def png(width: int = 3, height: int = 2) -> bytes:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + b"\x7f" * 3 * width for _ in range(height)))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    def photo(self, client: Client) -> str:
        reply = client.request("POST", "/v1/attachments", headers={"Content-Type": "image/png"}, data=self.png())
        assert reply.status == 201, reply
        return reply["id"]
