"""A street from its stories: every row that hangs on a case is copied with new ids, shifted times and other residents.

What a copy needs is read from the catalogue, so that a new column needs nothing here: times and dates move, ids of the case
and of what hangs on it become new ones that sort by their new time, and the stories' resident becomes another.
"""

import psycopg

from .stories import CITIZEN, TENANT

# What hangs on a case, but is not copied with it: what is older than a few days has been swept from the feed, positions are given
# anew, figures are counted again, and no story has a picture.
NOT_COPIED = {"outbox", "feed", "case_feed", "ticket_feed", "case_figures", "ticket_figures", "case_attachments"}
OBJECT_COLUMNS = {"id", "case_id", "ticket_id", "whistle_id", "request_id", "subject", "lead_ticket", "plan_request", "step_id"}
CITIZENS = 2000
LEAST_AGE_DAYS = 11  # of a closed case: younger ones are told as they are

COPY_ID = """
CREATE FUNCTION pg_temp.copy_id(p_id uuid, p_key text, p_ms bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN overlay(overlay(overlay(md5(p_id::text || p_key) PLACING
    lpad(to_hex(('x' || left(p_id::text, 8) || substr(p_id::text, 10, 4))::bit(48)::bigint + p_ms), 12, '0') FROM 1 FOR 12)
    PLACING '7' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)::uuid"""


def expression(table: str, column: str, kind: str) -> str:
    """What stands in a copy's column."""
    if column == "case_id" or table == "cases" and column == "id":
        return "k.copy"
    if kind == "uuid" and column in OBJECT_COLUMNS:
        return f"pg_temp.copy_id(x.{column}, k.key, k.id_ms)"
    if kind == "uuid":
        return f"CASE WHEN x.{column} = k.resident THEN k.citizen ELSE x.{column} END"
    if kind == "uuid[]":
        return f"array_replace(x.{column}, k.resident, k.citizen)"
    if kind == "timestamp with time zone":
        return f"x.{column} + k.shift"
    if kind == "date":
        return f"x.{column} + k.days"
    if kind.startswith("geometry") and table == "cases":
        return (f"ST_SetSRID(ST_MakePoint(round((ST_X(x.{column}) + k.east) * 1e7) / 1e7, "
                f"round((ST_Y(x.{column}) + k.north) * 1e7) / 1e7), 4326)")
    if table == "cases" and column == "serial":
        return "k.serial"
    if table == "cases" and column == "number":
        return "'MS' || to_char(x.received_at + k.shift, 'YYYYMMDD') || '-' || lpad((k.serial % 1000000)::text, 6, '0')"
    if column in ("reporter_phone", "phone"):
        return f"CASE WHEN x.{column} IS NOT NULL THEN k.phone END"
    return f"x.{column}"


def tables_of(connection: psycopg.Connection) -> list[str]:
    """The cases, and every table whose rows say which case they hang on."""
    found = connection.execute(
        """SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'whistled'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'case_id'
        ORDER BY 1""")
    return ["cases", *(name for (name,) in found if name not in NOT_COPIED)]


def columns(connection: psycopg.Connection, table: str) -> list[tuple[str, str]]:
    return connection.execute(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = ('whistled.' || %s)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum""", (table,)).fetchall()


def copy_table(connection: psycopg.Connection, table: str) -> None:
    names = columns(connection, table)
    connection.execute(f"""
        INSERT INTO whistled.{table} ({", ".join(f'"{name}"' for name, _ in names)})
        SELECT {", ".join(expression(table, name, kind) for name, kind in names)}
        FROM copies k JOIN whistled.{table} x ON x.tenant = '{TENANT}' AND x.{"id" if table == "cases" else "case_id"} = k.story
        ORDER BY k.n""")


def make_citizens(connection: psycopg.Connection) -> None:
    connection.execute("""
        INSERT INTO whistled.people (tenant, id, subject, name, phone, roles)
        SELECT %s, ('01930000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, 'resident-' || n,
            substr('王李张刘陈杨赵黄周吴', 1 + n %% 10, 1) || substr('秀英建国丽华志强海燕', 1 + n %% 9, 2),
            '138' || lpad(n::text, 8, '0'), '{citizen}'
        FROM generate_series(1, %s) AS n ON CONFLICT DO NOTHING""", (TENANT, CITIZENS))


def plan_copies(connection: psycopg.Connection, told: list[tuple[str, str]], plots: dict, wanted: int) -> None:
    """Which story is copied how often, and how far each copy is moved: closed ones over half a year."""
    connection.execute("DROP TABLE IF EXISTS copies")
    connection.execute("CREATE TEMPORARY TABLE told (plot text, story uuid, n integer)")
    with connection.cursor().copy("COPY told (plot, story, n) FROM STDIN") as rows:
        for n, (plot, story) in enumerate(told):
            rows.write_row((plot, story, n))
    connection.execute("CREATE TEMPORARY TABLE plots (plot text, age integer, share float8)")
    with connection.cursor().copy("COPY plots FROM STDIN") as rows:
        for name, (_, age, share) in plots.items():
            rows.write_row((name, age, share))
    connection.execute("SELECT setseed(0.12273)")
    connection.execute(f"""
        CREATE TEMPORARY TABLE copies AS
        SELECT q.*, make_interval(days => q.days, secs => q.jitter_s) AS shift,
            (((q.days - q.age) * 86400 + q.jitter_s) * 1000)::bigint AS id_ms, nextval('whistled.case_serial') AS serial,
            '/' || q.n AS key,
            ('01930000-0000-7000-9000-' || lpad(q.person::text, 12, '0'))::uuid AS citizen, '138' || lpad(q.person::text, 8, '0') AS phone
        FROM (
            SELECT row_number() OVER (ORDER BY random()) AS n, t.story, s.age, p.id AS resident,
                1 + floor(random() * {CITIZENS})::integer AS person,
                CASE WHEN s.age = 0 THEN 0 WHEN s.age < 30 THEN floor(random() * 8 - 6)::integer
                    ELSE floor(random() * (180 - {LEAST_AGE_DAYS}) - 140)::integer END AS days,
                CASE WHEN s.age = 0 THEN random() * -900 ELSE random() * 14400 - 7200 END AS jitter_s,
                (random() - 0.5) * 0.005 AS east, (random() - 0.5) * 0.005 AS north
            FROM plots s
            CROSS JOIN LATERAL (SELECT count(*) AS n FROM told x WHERE x.plot = s.plot) AS c
            JOIN told t ON t.plot = s.plot
            CROSS JOIN LATERAL generate_series(1, greatest(1, ({wanted} * s.share / c.n)::integer)) AS g
            JOIN whistled.people p ON p.tenant = '{TENANT}' AND p.subject = '{CITIZEN}'
        ) AS q""")
    connection.execute("ALTER TABLE copies ADD COLUMN copy uuid")
    connection.execute("UPDATE copies k SET copy = pg_temp.copy_id(k.story, k.key, k.id_ms)")
    connection.execute("CREATE INDEX ON copies (story)")
    connection.execute("ANALYZE copies")


def without_indexes(connection: psycopg.Connection, tables: list[str]) -> list[str]:
    """Drops what only speeds up reading, and says how to make it again: loading is several times faster."""
    found = connection.execute(
        """SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        WHERE i.indrelid = ANY (SELECT ('whistled.' || t)::regclass FROM unnest(%s::text[]) AS t)
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)""", (tables,)).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    # What is said of a partitioned table's index is of the table alone: made again, it is made of the partitions too.
    return [definition.replace(" ON ONLY ", " ON ") for _, definition in found]


def give_positions(connection: psycopg.Connection) -> None:
    """The feed as a drainer would have left it: every case and ticket at its latest event, in its order."""
    for table, feed, column in (("cases", "case_feed", "case_id"), ("tickets", "ticket_feed", "ticket_id")):
        connection.execute(f"DELETE FROM whistled.{feed}")
        connection.execute(f"""
            INSERT INTO whistled.{feed} (tenant, {column}, position)
            SELECT tenant, id, row_number() OVER (ORDER BY updated_at, id) FROM whistled.{table}""")
    connection.execute("DELETE FROM whistled.outbox; DELETE FROM whistled.feed; DELETE FROM whistled.feed_marks")
    connection.execute("DELETE FROM whistled.idempotency_keys")
    connection.execute("""
        INSERT INTO whistled.feed_positions (tenant, last_position)
        SELECT %s, greatest((SELECT max(position) FROM whistled.case_feed), (SELECT max(position) FROM whistled.ticket_feed))
        ON CONFLICT (tenant) DO UPDATE SET last_position = excluded.last_position""", (TENANT,))


def multiply(connection: psycopg.Connection, told: list[tuple[str, str]], plots: dict, wanted: int) -> None:
    """Some `wanted` copies, each plot by its share. `connection` is a superuser's: foreign keys are not checked row by row, the auditor looks afterwards."""
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
    connection.execute("SET search_path = pg_temp, public; SET TimeZone = 'Asia/Shanghai'")
    connection.execute(COPY_ID)
    make_citizens(connection)
    copied = tables_of(connection)
    tables = [*copied, "case_feed", "ticket_feed"]
    definitions = without_indexes(connection, tables)
    plan_copies(connection, told, plots, wanted)
    for table in copied:
        copy_table(connection, table)
    give_positions(connection)
    for definition in definitions:
        connection.execute(definition)
    for table in tables:
        connection.execute(f"VACUUM (ANALYZE) whistled.{table}")
