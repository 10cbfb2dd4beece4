"""The reference page: files of one folder, cacheable, under a policy that lets no other host in."""

import pytest
from support.client import Client
from support.service import Service

FILES = {"index.html": "<!doctype html><title>t</title>", "page.js": "1;", "page.css": "a{}", "notes.txt": "no", ".made": "x"}


@pytest.fixture(scope="module")
def reader(postgres, service, contract, tmp_path_factory):
    """A service beside the first, on the same database, with a page."""
    folder = tmp_path_factory.mktemp("docs")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    folder.chmod(0o755)
    other = Service(postgres, "main", docs_dir=folder).start()
    yield Client(other.base, contract, None, "reader")
    assert other.stop() == 0


def test_page_and_its_files(reader):
    page = reader.get("/docs")
    assert page.status == 200 and page.content.decode() == FILES["index.html"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    script = reader.get("/docs/page.js")
    assert script.status == 200 and script.headers["Content-Type"].startswith("text/javascript")
    again = reader.request("GET", "/docs/page.js", headers={"If-None-Match": script.etag})
    assert again.status == 304


@pytest.mark.parametrize("name", ["nothing.js", "notes.txt"])
def test_what_is_no_part_of_the_page(reader, name):
    assert reader.get(f"/docs/{name}").status == 404


@pytest.mark.parametrize("name", [".made", "..%2fkeys", "A.js"])
def test_names_that_no_file_has(reader, name):
    assert reader.get(f"/docs/{name}").status in (404, 422)


def test_without_a_page_the_contract_is_still_there(anonymous):
    assert anonymous.get("/docs").status == 404
    assert anonymous.get("/openapi.json").status == 200
