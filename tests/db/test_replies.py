"""One object is answered as a row constructor (db/procedures/51_view_*.sql), many are as columns with names: both from db/parts."""

import re

import pytest
from support.compiler import ROOT

from parts import read_sql

PARTS = ROOT / "db" / "parts"
ME = "me('t', 'a', '{}', '{}', NULL, NULL) AS m CROSS JOIN (SELECT clock_timestamp() AS now OFFSET 0) AS n"
TABLES = {
    "case": f"{ME} CROSS JOIN cases c {read_sql(PARTS / 'case_tables.sql')}",
    "ticket": f"{ME} CROSS JOIN tickets t CROSS JOIN cases c CROSS JOIN LATERAL (SELECT {read_sql(PARTS / 'ticket_eyes.sql')}) AS i",
}


@pytest.mark.parametrize("kind", TABLES)
def test_the_type_of_a_reply_has_the_columns_of_the_part(db, kind: str):
    """They are put together by their places."""
    described = db.execute(f"SELECT {read_sql(PARTS / f'{kind}_columns.sql')} FROM {TABLES[kind]} LIMIT 0").description
    columns = [(column.name, column.type_code) for column in described]
    attributes = db.execute(
        "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", [f"{kind}_reply"]).fetchall()
    beside = [name for name, _ in attributes if name.startswith(("_", "duplicates__"))]
    assert [pair for pair in attributes if pair[0] not in beside] == columns
    assert [name for name, _ in attributes[:8]] == ["_code", "_pointer", "_detail", "_version", "_location", "_replayed", "_names", "_masked"]


@pytest.mark.parametrize("kind", TABLES)
def test_a_reply_is_an_expression(db, kind: str):
    """With a SELECT inside, PL/pgSQL would set all of its columns up for every call."""
    source, = db.execute("SELECT prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname = %s", [f"{kind}_replied"]).fetchone()
    assert "ROW(" in source and not re.search(r"\bSELECT\b", re.sub(r"--.*", "", source), re.IGNORECASE)
