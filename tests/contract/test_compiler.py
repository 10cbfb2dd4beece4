"""Each way in which a contract can be wrong fails the build, with a sentence that names where."""

import copy
import re
import subprocess
import sys

import pytest
from support.compiler import COMPILER, GET, ROOT, Project

from statements import number_parameters


def test_a_sound_contract_compiles_as_c(project: Project):
    project.tables()
    for name in ("tables.c", "embedded.c"):
        done = subprocess.run(
            ["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(ROOT / "api"),
             str(project.folder / name)], capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_what_was_read_is_in_the_depfile(project: Project):
    project.tables()
    text = (project.folder / "contract.d").read_text()
    for name in ("openapi.yaml", "api/errors.def", "db/queries/things/get.sql", "db/queries ", "db/procedures/10_a.sql"):
        assert f"{project.folder}/{name}" in text


def test_operations_are_sorted_and_carry_their_flags(project: Project):
    text = project.tables()
    assert re.findall(r"\.id = \"([^\"]+)\", \.action", text) == ["things.list", "things.create", "things.get"]
    create = text[text.index('.id = "things.create"') :]
    create = create[: create.index(".index")]
    assert ".write = true" in create and ".takes_key = true" in create and ".status = 201" in create
    assert ".is_public = true" in text[text.index('.id = "things.get"') :]


def test_what_is_deprecated_says_since_when_and_until_when(project: Project):
    project.create["deprecated"] = True
    project.fails("things.create", "since and sunset")
    project.create["x-deprecated"] = {"since": "2027-01-01", "sunset": "2027-07-01", "guide": "/docs#later"}
    text = project.tables()
    assert '.deprecation = "@1798761600"' in text and '.sunset = "Thu, 01 Jul 2027 00:00:00 GMT"' in text
    assert 'rel=\\"deprecation\\"' in text


def test_arguments_have_the_types_of_their_schemas(project: Project):
    text = project.tables()
    types = re.findall(r"types_\d+\[\] = \{([^}]*)\}", text)
    assert "25, 25, 25, 1184, 1009, 3802, 20" in types  # tenant, title, kind, seen_at, tags, parts, count
    assert "1009, 25, 23" in types  # kind, cursor, limit
    assert "2950" in types


def test_a_reply_becomes_columns(project: Project):
    text = project.tables()
    columns = set(re.findall(r"\.column = \"([^\"]+)\"", text))
    assert columns == {"id", "place__lon", "place__area__code", "who", "answers", "tags", "parts"}
    assert ".n_slots = 7, .shape = SHAPE_PAGE" in text and ".n_slots = 7, .shape = SHAPE_OBJECT" in text


def test_one_row_comes_in_one_column(project: Project):
    project.statements["things/get.sql"] = "SELECT t.* FROM get(@thing_id) AS t;"
    text = project.tables()
    packed = re.findall(r"packed_\d+\[\] =\n\s*\"([^;]*)\";", text)
    assert packed == ["SELECT make($1, $2, $3, $4, $5, $6, $7) AS answer", "SELECT ROW(answer.*) FROM (SELECT t.* FROM get($1) AS t) AS answer"]


def test_parts_are_taken_in_with_and_without_names(project: Project):
    project.files |= {
        "db/parts/outer.sql": "    a.x,\n\\ir inner.sql\n",
        "db/parts/inner.sql": "    -- As it is.\n    coalesce(a.y, '{}') AS y, a.b AS z,\n    CASE WHEN a.v THEN a.b END AS w\n",
        "db/procedures/10_a.sql": "SELECT\n\\ir ../parts/outer.sql\n;\nSELECT ROW(\n\\ir_row ../parts/outer.sql\n);\n",
    }
    assert project.build().returncode == 0
    written = (project.folder / "embedded.c").read_text().replace("\\012", "").replace('"\n    "', "")
    assert "a.x,    -- As it is.    coalesce(a.y, '{}') AS y, a.b AS z,    CASE WHEN a.v THEN a.b END AS w;" in written
    assert "ROW(    a.x,    -- As it is.    coalesce(a.y, '{}'), a.b,    CASE WHEN a.v THEN a.b END);" in written


def test_internal_keys_are_not_published(project: Project):
    project.create["x-statement"] = "things.create"
    text = project.tables()
    published = text[text.index("openapi_json[]") :]
    assert "x-roles" in published and "x-statement" not in published and "x-json" not in published


def test_procedures_make_the_checksum(project: Project):
    checksum = re.search(r"procedures_checksum = \"([0-9a-f]{12})\"", project.tables())[1]
    project.files["db/procedures/10_a.sql"] = "SELECT 3;\n"
    assert checksum not in project.tables()


def test_transition_tables_come_between_types_and_machines(project: Project):
    project.files |= {"db/procedures/20_b.sql": "--", "db/procedures/40_c.sql": "--", "db/procedures/transitions/t.sql": "--"}
    project.tables()
    names = re.findall(r"\.name = \"([^\"]+)\"", (project.folder / "embedded.c").read_text())
    assert names == ["0001_base.sql", "10_a.sql", "transitions/t.sql", "20_b.sql", "40_c.sql"]


# What must fail -----------------------------------------------------------------------------------------------------


def test_operation_without_work(project: Project):
    del project.statements["things/get.sql"]
    project.fails("things.get", "neither a statement (db/queries/things/get.sql) nor an x-handler")


def test_rows_for_a_function(project: Project):
    """x-rows: the encoder is made for the statement's rows, whatever the reply looks like around them."""
    entry = project.document["paths"]["/v1/things/{thing_id}"]["get"]
    entry["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    entry["x-rows"] = {"$ref": "#/components/schemas/Thing"}
    project.fails("things.get", "says x-rows, so it has a statement, and an x-handler that writes the reply")
    entry["x-handler"] = "things_get"
    statement = project.statements.pop("things/get.sql")
    (project.folder / "db/queries/things/get.sql").unlink()
    project.fails("things.get", "says x-rows, so it has a statement")
    project.statements["things/get.sql"] = statement
    assert re.search(r"\.function = things_get,[^}]*\.encoder = &encoder_", project.tables())


def test_handler_is_enough(project: Project):
    del project.statements["things/get.sql"]
    project.document["paths"]["/v1/things/{thing_id}"]["get"]["x-handler"] = "things_get"
    assert "void things_get(struct request *request);" in project.tables()


def test_parameter_that_nothing_supplies(project: Project):
    project.statements["things/get.sql"] = "SELECT @thing_id, @nobody"
    project.fails("db/queries/things/get.sql, things.get", "@nobody, which nothing supplies")


def test_no_roles(project: Project):
    del project.create["x-roles"]
    project.fails("things.create", "names no x-roles")


def test_unknown_role(project: Project):
    project.create["x-roles"] = ["dispatcher", "king"]
    project.fails("things.create", "unknown role 'king'")


def test_public_with_others(project: Project):
    project.create["x-roles"] = ["dispatcher", "public"]
    project.fails("things.create", "public and other roles")


def test_field_that_reaches_no_statement(project: Project):
    project.body["properties"]["lost"] = {"type": "string"}
    project.fails("things.create", "the field lost of the body reaches no statement", "things/create.sql")


def test_body_as_a_whole_takes_every_field(project: Project):
    project.body["properties"]["more"] = {"type": "string"}
    project.statements["things/create.sql"] = "SELECT * FROM make(@body)"
    project.tables()


def test_parameter_that_reaches_no_statement(project: Project):
    project.statements["things/list.sql"] = "SELECT * FROM list(@cursor, @limit)"
    project.fails("things.list", "the parameter kind reaches no statement")


def test_orphan_statement(project: Project):
    project.statements["things/forgotten.sql"] = "SELECT 1"
    project.fails("db/queries/things/forgotten.sql", "used by no operation")


@pytest.mark.parametrize("word", ["oneOf", "anyOf", "allOf"])
def test_alternatives_in_a_request(project: Project, word: str):
    project.body["properties"]["title"] = {word: [{"type": "string"}]}
    project.fails("things.create, request body.title", f"uses {word}")


CONDITION = {"if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]}, "then": {"required": ["title"]}}


def test_conditions_in_a_request(project: Project):
    project.body.update(CONDITION)
    project.body["allOf"] = [CONDITION, CONDITION]
    assert project.tables().count('.property = "kind", .value = "a", .is_text = true') == 3


@pytest.mark.parametrize("wrong", [
    {"if": CONDITION["if"]},
    {"then": CONDITION["then"]},
    CONDITION | {"then": {"required": ["title"], "minProperties": 1}},
    CONDITION | {"if": {"properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}},
    CONDITION | {"if": {"properties": {"kind": {"const": "a"}}}},
    CONDITION | {"if": {"properties": {"kind": {"const": "a"}, "title": {"const": "b"}}, "required": ["kind"]}},
])  # fmt: skip
def test_conditions_that_the_validator_does_not_know(project: Project, wrong: dict):
    project.body.update(wrong)
    project.fails("things.create, request body", "has a condition; the validator knows only")


@pytest.mark.parametrize("wrong", [CONDITION | {"then": {"required": ["unknown"]}},
                                   CONDITION | {"if": {"properties": {"unknown": {"const": True}}, "required": ["unknown"]}}])
def test_condition_on_what_is_not_declared(project: Project, wrong: dict):
    project.body.update(wrong)
    project.fails("things.create, request body", "has a condition on unknown, which it does not declare")


def test_open_object_in_a_request(project: Project):
    del project.body["additionalProperties"]
    project.fails("things.create, request body", "does not say additionalProperties")


def test_keyword_that_nobody_checks(project: Project):
    project.body["properties"]["title"]["multipleOf"] = 3
    project.fails("things.create, request body.title", "uses multipleOf, which the validator does not know")


def test_request_schema_without_type(project: Project):
    project.body["properties"]["title"] = {"maxLength": 3}
    project.fails("things.create, request body.title", "has no type")


def test_reply_schema_without_type(project: Project):
    project.thing["properties"]["id"] = {"description": "?"}
    project.fails("things.list, reply 200", "has neither type nor $ref")


def test_operation_id_twice(project: Project):
    project.create["operationId"] = "things.list"
    project.fails("things.list: the operationId stands twice", "POST /v1/things", "GET /v1/things")


def test_operation_id_of_another_form(project: Project):
    project.create["operationId"] = "createThing"
    project.fails("createThing", "resource.action")


def test_path_parameter_not_declared(project: Project):
    project.document["paths"]["/v1/things/{thing_id}"]["get"]["parameters"] = []
    project.statements["things/get.sql"] = "SELECT 1"
    project.fails("things.get", "the path parameter thing_id is not declared")


def test_path_parameter_that_is_not_in_the_path(project: Project):
    project.create["parameters"].append({"name": "x", "in": "path", "required": True, "schema": {"type": "string"}})
    project.fails("things.create", "path parameter x, which is not in /v1/things")


def test_problem_replies_not_declared(project: Project):
    del project.create["responses"]["default"]
    project.fails("things.create", "declares neither the problem reply 422 nor a default")


def test_no_success_declared(project: Project):
    del project.create["responses"]["201"]
    project.fails("things.create", "declares no success")


def test_reference_that_leads_nowhere(project: Project):
    project.thing["properties"]["id"] = {"$ref": "#/components/schemas/Nothing"}
    project.fails("#/components/schemas/Nothing leads nowhere")


def test_request_schema_that_contains_itself(project: Project):
    project.document["components"]["schemas"]["Tree"] = {
        "type": "object", "additionalProperties": False,
        "properties": {"below": {"$ref": "#/components/schemas/Tree"}},
    }  # fmt: skip
    project.body["properties"]["title"] = {"$ref": "#/components/schemas/Tree"}
    project.fails("contains itself")


def test_key_twice_in_yaml(project: Project):
    project.build()
    (project.folder / "tables.c").unlink()
    path = project.folder / "openapi.yaml"
    path.write_text(path.read_text() + "paths: {}\n")
    done = subprocess.run(
        [sys.executable, str(COMPILER), "--root", str(project.folder), "--version", "1", "--tables", "/dev/null",
         "--embedded", "/dev/null"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "'paths' stands twice" in done.stderr


def test_shared_statement_with_other_types(project: Project):
    project.document["paths"]["/v1/things/{thing_id}"]["get"]["parameters"][0]["schema"] = {"type": "string"}
    project.document["paths"]["/v1/others/{thing_id}"] = {
        "get": copy.deepcopy(GET) | {"operationId": "others.get", "x-statement": "things.get"}
    }
    project.fails("things/get.sql, others.get", "other types here: uuid instead of text")


def test_internal_statement_with_a_foreign_parameter(project: Project):
    project.statements["system/sweep.sql"] = "SELECT @tenant, @what"
    project.fails("db/queries/system/sweep.sql", "@what, which nothing supplies")


def test_internal_statement_declares_its_own(project: Project):
    project.statements["internal.txt"] = "things.note # called from C\n"
    project.statements["things/note.sql"] = "-- @a text, @b uuid[], @c double precision\nSELECT @c, @a, @b, @a"
    text = project.tables()
    assert '"SELECT $3, $1, $2, $1"' in text and "{25, 2951, 701}" in text and '{"a", "b", "c"}' in text


def test_internal_list_of_what_is_not_there(project: Project):
    project.statements["internal.txt"] = "things.gone\n"
    project.fails("internal.txt", "things.gone, of which there is no file")


def test_error_code_twice(project: Project):
    project.errors += 'ERROR(internal, 500, "错", "wrong")\n'
    project.fails("errors.def", "the code internal stands twice")


def test_error_without_a_sentence(project: Project):
    project.errors += 'ERROR(other, 409, "", "wrong")\n'
    project.fails("errors.def", "the code other lacks a sentence")


def test_error_line_that_is_none(project: Project):
    project.errors += "EROR(other)\n"
    project.fails("errors.def", "cannot be read from here on: EROR(other)")


def test_gap_between_migrations(project: Project):
    project.files["db/migrations/0003_later.sql"] = "SELECT 1;\n"
    project.fails("0003_later.sql", "should begin with 0002_")


def test_every_fault_is_said_at_once(project: Project):
    project.create["x-roles"] = []
    project.statements["things/get.sql"] = "SELECT @nobody"
    project.fails("names no x-roles", "@nobody", "The contract has 3 fault(s)")  # the third: thing_id reaches nothing


# Parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected, names",
    [
        ("SELECT @a, @b, @a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT @a::text[], (@b), [@c]", "SELECT $1::text[], ($2), [$3]", ["a", "b", "c"]),
        ("SELECT '@a', \"@b\", @c -- @d\n", "SELECT '@a', \"@b\", $1", ["c"]),
        ("SELECT 'it''s @a', @b", "SELECT 'it''s @a', $1", ["b"]),
        (r"SELECT E'\'@a', @b", r"SELECT E'\'@a', $1", ["b"]),
        ("SELECT $$ @a $$, $x$ @b $$ $x$, @c", "SELECT $$ @a $$, $x$ @b $$ $x$, $1", ["c"]),
        ("/* @a /* @b */ @c */ SELECT @d;", "SELECT $1", ["d"]),
        ("SELECT x @> @a, y <@ @b, v @@ @c", "SELECT x @> $1, y <@ $2, v @@ $3", ["a", "b", "c"]),
        ("SELECT a <@b", "SELECT a <@b", []),
        ("SELECT me@host", "SELECT me@host", []),
        ("SELECT @ -5, @name", "SELECT @ -5, $1", ["name"]),
    ],
)
def test_parameters_become_numbers(text: str, expected: str, names: list):
    assert number_parameters(text) == (expected, names, [])


def test_numbers_of_ones_own_are_refused():
    assert number_parameters("SELECT $1")[2]


def test_an_at_glued_to_an_equals_sign_is_an_operator():
    assert "operator" in number_parameters("SELECT 1 WHERE tenant =@tenant")[2][0]
