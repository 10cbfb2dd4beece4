"""What of an export the contract must say, or the build fails."""

import pytest
from support.compiler import Project


@pytest.fixture
def exporting(project: Project) -> Project:
    """things.get, but all of them."""
    schema = {"type": "object", "additionalProperties": False, "required": ["id", "place"], "properties": {
        "id": {"type": "string", "title": "Number"},
        "place": {"type": "object", "title": "Place's ", "additionalProperties": False, "properties": {
            "lon": {"type": "number", "title": "longitude"}}},
    }}  # fmt: skip
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("kind", "format", "bom")]
    project.document["paths"]["/v1/things/export"] = {"get": {
        "operationId": "things.export", "x-roles": ["leader"], "x-export": True, "parameters": parameters,
        "responses": {"default": {"description": "problem"}, "200": {"description": "rows", "content": {
            "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": schema}}}},
    }}  # fmt: skip
    project.statements["things/export.sql"] = "SELECT * FROM export(@kind, @cursor)"
    return project


def test_an_export_is_an_entry_and_a_statement(exporting: Project):
    text = exporting.tables()
    entry = text[text.index('.id = "things.export"') :]
    entry = entry[: entry.index(".index")]
    assert ".exports = true" in entry and ".function = exports_run" in entry
    assert '.column = "place__lon"' in text and '.title = "Place\'s longitude"' in text
    assert "x-export" not in text[text.index("openapi_json[]") :]


def test_an_export_without_both_forms(exporting: Project):
    del exporting.document["paths"]["/v1/things/export"]["get"]["responses"]["200"]["content"]["text/csv"]
    exporting.fails("things.export, reply 200", "answers text/csv and application/x-ndjson")


def test_an_export_for_everybody(exporting: Project):
    exporting.document["paths"]["/v1/things/export"]["get"]["x-roles"] = ["public"]
    exporting.fails("things.export, reply 200", "a GET of named roles")


def test_an_export_that_does_not_go_on(exporting: Project):
    exporting.statements["things/export.sql"] = "SELECT * FROM export(@kind)"
    exporting.fails("things/export.sql", "goes on behind @cursor")


def test_an_exports_filter_reaches_its_statement(exporting: Project):
    exporting.statements["things/export.sql"] = "SELECT * FROM export(@cursor)"
    exporting.fails("things.export", "the parameter kind reaches no statement")


def test_an_export_without_a_statement(exporting: Project):
    del exporting.statements["things/export.sql"]
    exporting.fails("things.export", "neither a statement")


@pytest.mark.parametrize("title", ["", "Number"])
def test_a_column_has_a_title_of_its_own(exporting: Project, title: str):
    content = exporting.document["paths"]["/v1/things/export"]["get"]["responses"]["200"]["content"]
    content["application/x-ndjson"]["schema"]["properties"]["more"] = {"type": "string", "title": title}
    exporting.fails("things.export, reply 200", "no title of its own for its column more")
