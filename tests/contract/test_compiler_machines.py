"""What of the compiler is for third parties: scopes, forms, replies by suffix, XML, other habits."""

import copy

import pytest
from support.compiler import LIST, Project


def machine_made(project: Project) -> dict:
    """The list, for machines too, in either form."""
    project.document["components"]["schemas"]["Things"] = {
        "type": "array", "xml": {"name": "things"}, "items": {"$ref": "#/components/schemas/Thing"}}  # fmt: skip
    project.thing["xml"] = {"name": "thing"}
    project.thing["properties"]["tags"]["items"]["xml"] = {"name": "tag"}
    project.thing["properties"]["parts"]["items"]["xml"] = {"name": "part"}
    reply = {"schema": {"$ref": "#/components/schemas/Things"}}
    listed = copy.deepcopy(LIST) | {"x-roles": ["client"], "x-scopes": ["open311"], "x-manner": "open311", "x-gate": "optional"}
    listed["parameters"] = [LIST["parameters"][2], {"name": "api_key", "in": "query", "schema": {"type": "string"}},
        {"name": "format", "in": "path", "required": True, "schema": {"type": "string", "enum": ["json", "xml"]}}]  # fmt: skip
    listed["responses"] = {"200": {"description": "list", "content": {"application/json": reply, "text/xml": reply}},
                           "default": {"description": "problem"}}  # fmt: skip
    del project.document["paths"]["/v1/things"]["get"]
    project.document["paths"]["/v1/things.{format}"] = {"get": listed}
    project.statements["things/list.sql"] = "SELECT * FROM list(@kind)"
    return listed


def test_form_by_suffix(project: Project):
    machine_made(project)
    text = project.tables()
    listed = text[text.index('.id = "things.list"') :]
    listed = listed[: listed.index(".index")]
    assert ".manner = MANNER_OPEN311" in listed and ".gate = GATE_OPTIONAL" in listed and ".n_suffixes = 2" in listed
    assert ".shape = SHAPE_ARRAY" in text and '{.value = "xml", .media_type = "text/xml"}' in text
    assert '.name = "things"' in text and '.name = "tag"' in text


def test_form_of_fields(project: Project):
    project.create["requestBody"]["content"] = {
        "application/x-www-form-urlencoded": project.create["requestBody"]["content"]["application/json"]}
    text = project.tables()
    assert '"application/x-www-form-urlencoded"' in text and ".form = true" in text


def test_form_in_parts(project: Project):
    content = project.create["requestBody"]["content"]
    content["application/x-www-form-urlencoded"] = content["multipart/form-data"] = content.pop("application/json")
    project.fails("things.create", "takes a form in parts without x-pictures, and x-max-upload above its x-max-body")
    project.create.update({"x-pictures": "photos", "x-max-upload": 65536})
    project.fails("things.create", "x-max-upload above its x-max-body")
    project.create["x-max-upload"] = 1000000
    assert '.pictures = "photos", .max_upload = 1000000' in project.tables()


def test_names_in_xml(project: Project):
    machine_made(project)
    project.thing["properties"]["place"]["properties"]["area"]["x-names"] = "area"
    project.thing["properties"]["place"]["properties"]["area"]["properties"]["name"] = {"type": "string"}
    project.fails("things.list, reply 200", "asked for as XML, where neither x-names nor x-offers is put in")


def test_machines_without_a_scope(project: Project):
    project.create["x-roles"] = ["dispatcher", "client"]
    project.fails("things.create", "lets the role client in, but names no x-scopes")


def test_unknown_scope(project: Project):
    project.create["x-scopes"] = ["everything"]
    project.fails("things.create", "unknown scope 'everything'")


def test_public_with_scopes(project: Project):
    project.document["paths"]["/v1/things/{thing_id}"]["get"]["x-scopes"] = ["open311"]
    project.fails("things.get", "is public, and names x-scopes")


@pytest.mark.parametrize("key", ["x-manner", "x-gate"])
def test_unknown_habits(project: Project, key: str):
    project.create[key] = "ours"
    project.fails("things.create", f"unknown {key} 'ours'")


def test_suffix_without_values(project: Project):
    del machine_made(project)["parameters"][2]["schema"]["enum"]
    project.fails("things.list", "ends in .{format}, which is no enum of json, xml")


def test_suffix_without_its_reply(project: Project):
    del machine_made(project)["responses"]["200"]["content"]["text/xml"]
    project.fails("things.list", "takes .xml, but has no text/xml among its replies")


def test_list_without_a_name_in_xml(project: Project):
    machine_made(project)
    del project.thing["properties"]["tags"]["items"]["xml"]
    project.fails("things.list, reply 200", "the items of each list need xml: {name: …}")


def test_key_without_a_gate(project: Project):
    del machine_made(project)["x-gate"]
    project.fails("things.list", "the parameter api_key reaches no statement")


def test_body_that_is_neither(project: Project):
    content = project.create["requestBody"]["content"]
    content["text/csv"] = content.pop("application/json")
    project.fails("things.create", "neither application/json nor a form with a schema")
