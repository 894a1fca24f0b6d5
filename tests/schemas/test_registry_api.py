"""The embedded registry answers as Confluent's does, word for word where clients depend on it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

import schemas
from schemas.registry.app import application
from schemas.registry.http import BODY_MAX_BYTES, MEDIA_TYPE
from streams.topology import all_topics

TOPICS = [topic for topic in all_topics(["pos", "web"]) if topic.records]  # Not bodies as they came.
SALES = ["OrderPlaced", "OrderPlaced", "OrderShipped", "OrderCancelled", "SaleRecorded"]


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Return a client of a registry that serves all topics."""
    return TestClient(application({topic.name: topic.records for topic in TOPICS}))


def schema_body(schema: dict[str, Any]) -> dict[str, str]:
    """Return the body under which Confluent's clients send a schema."""
    return {"schema": json.dumps(schema)}


def draft(**changes: Any) -> dict[str, Any]:
    """Return the schema of a sale with one more field."""
    schema = schemas.load("SaleRecorded")
    schema["fields"].append({"name": "till_id", "type": "string", "doc": "The till."} | changes)
    return schema


def test_every_record_is_filed_by_all_three_naming_strategies(client: TestClient) -> None:
    """Whichever subject a stock client makes of a topic and a record, it is there."""
    subjects = set(client.get("/subjects").json())
    for topic in TOPICS:
        assert f"{topic.name}-value" in subjects
        for record in topic.records:
            assert {f"onhand.{record}", f"{topic.name}-onhand.{record}"} <= subjects


def test_latest_schema_of_a_topic_is_its_main_record(client: TestClient) -> None:
    """A client that writes with the latest schema of stock-sales-value writes sales."""
    for topic in TOPICS:
        latest = client.get(f"/subjects/{topic.name}-value/versions/latest").json()
        assert json.loads(latest["schema"])["name"] == topic.records[0]
        assert latest["id"] == schemas.schema_id(topic.records[0])


def test_topics_subject_has_each_of_its_records_as_a_version(client: TestClient) -> None:
    """Versions of a topic's subject are numbered from 1, one after the other."""
    assert client.get("/subjects/stock-sales-value/versions").json() == [1, 2, 3, 4, 5]
    versions = [client.get(f"/subjects/stock-sales-value/versions/{number}").json() for number in range(1, 6)]
    assert [json.loads(version["schema"])["name"] for version in versions] == SALES
    assert versions[4] == client.get("/subjects/stock-sales-value/versions/latest").json()
    assert versions[4] == client.get("/subjects/stock-sales-value/versions/-1").json()
    assert {"subject": "stock-sales-value", "version": 5, "id": 1}.items() <= versions[4].items()


@pytest.mark.parametrize("record", schemas.RECORDS)
def test_schema_is_served_under_its_fixed_id(client: TestClient, record: str) -> None:
    """Each id gives the text of its schema, and the bare schema on request."""
    identifier = schemas.schema_id(record)
    response = client.get(f"/schemas/ids/{identifier}")
    assert response.headers["content-type"] == MEDIA_TYPE
    assert json.loads(response.json()["schema"]) == schemas.load(record)
    assert client.get(f"/schemas/ids/{identifier}/schema").json() == schemas.load(record)
    with_max = client.get(
        f"/schemas/ids/{identifier}", params={"fetchMaxId": "true", "subject": "any"}
    ).json()
    assert with_max["maxId"] == sum(len(versions) for versions in schemas.VERSIONS.values())


def test_places_of_a_schema_are_listed(client: TestClient) -> None:
    """A schema knows the subjects and versions under which it is filed."""
    assert "stock-sales-dlq-value" in client.get("/schemas/ids/1/subjects").json()
    places = client.get("/schemas/ids/1/versions").json()
    assert {"subject": "stock-sales-value", "version": 5} in places
    only = client.get("/schemas/ids/1/versions", params={"subject": "onhand.SaleRecorded"}).json()
    assert only == [{"subject": "onhand.SaleRecorded", "version": 1}]


def test_lists_are_cut_as_asked(client: TestClient) -> None:
    """Prefix, offset and limit work as Confluent's clients send them."""
    sales = client.get("/subjects", params={"subjectPrefix": "stock-sales-onhand."}).json()
    assert sales == sorted(f"stock-sales-onhand.{record}" for record in set(SALES))
    assert (
        client.get("/subjects", params={"offset": 1, "limit": 2}).json()
        == (client.get("/subjects", params={"deleted": "False", "limit": -1}).json()[1:3])
    )
    newest = client.get(
        "/schemas", params={"subjectPrefix": "stock-sales-value", "latestOnly": "true"}
    ).json()
    assert [(filed["subject"], filed["version"]) for filed in newest] == [("stock-sales-value", 5)]


def test_fixed_answers(client: TestClient) -> None:
    """What Kafka UIs ask first: types, mode, level, contexts, references."""
    assert client.get("/").json() == {}
    assert client.get("/contexts").json() == ["."]
    assert client.get("/schemas/types").json() == ["AVRO"]
    assert client.get("/mode").json() == {"mode": "READONLY"}
    assert client.get("/mode/stock-sales-value").json() == {"mode": "READONLY"}
    assert client.get("/config").json() == {"compatibilityLevel": "FULL_TRANSITIVE"}
    assert client.get("/config/onhand.SaleRecorded").json() == {"compatibilityLevel": "FULL_TRANSITIVE"}
    assert client.get("/config/stock-sales-value").json() == {"compatibilityLevel": "NONE"}
    assert client.get("/subjects/stock-sales-value/versions/1/referencedby").json() == []
    assert client.get("/subjects/stock-sales-value/versions/5/schema").json()["name"] == "SaleRecorded"


@pytest.mark.parametrize(
    ("path", "status", "error_code", "message"),
    [
        ("/subjects/nothing/versions", 404, 40401, "Subject 'nothing' not found."),
        ("/subjects/nothing/versions/latest", 404, 40401, "Subject 'nothing' not found."),
        ("/config/nothing", 404, 40401, "Subject 'nothing' not found."),
        ("/subjects/stock-sales-value/versions/9", 404, 40402, "Version 9 not found."),
        ("/schemas/ids/4711", 404, 40403, "Schema 4711 not found"),
        ("/schemas/ids/4711/versions", 404, 40403, "Schema 4711 not found"),
        ("/subjects/stock-sales-value/versions/0", 422, 42202, "The specified version '0' is not a valid"),
        (
            "/subjects/stock-sales-value/versions/new",
            422,
            42202,
            "The specified version 'new' is not a valid",
        ),
        ("/subjects?limit=few", 400, 400, "limit must be a whole number"),
        ("/schemas/ids/one", 404, 404, "HTTP 404 Not Found"),
    ],
)
def test_what_is_not_there_has_confluents_error(
    client: TestClient, path: str, status: int, error_code: int, message: str
) -> None:
    """Clients tell errors apart by these codes."""
    response = client.get(path)
    assert (response.status_code, response.json()["error_code"]) == (status, error_code)
    assert response.json()["message"].startswith(message)
    assert response.headers["content-type"] == MEDIA_TYPE


def test_schema_is_found_by_its_own_text(client: TestClient) -> None:
    """Looking up a schema answers its place, and registering it again its id, as serialisers expect."""
    body = schema_body(schemas.load("OrderPlaced"))
    filed = client.post("/subjects/stock-sales-value", json=body, params={"normalize": "False"}).json()
    assert (filed["id"], filed["version"]) == (schemas.schema_id("OrderPlaced"), 2)
    registered = client.post("/subjects/stock-sales-value/versions", json=body)
    assert (registered.status_code, registered.json()) == (200, {"id": schemas.schema_id("OrderPlaced")})


def test_schema_is_found_however_it_is_written_down(client: TestClient) -> None:
    """Without docs, names in full, strings marked as Java's: generated classes send it so."""
    schema = schemas.load("ReturnReceived")
    del schema["doc"], schema["namespace"]
    schema["name"] = "onhand.ReturnReceived"
    for field in schema["fields"]:
        del field["doc"]
        if field["type"] == "string":
            field["type"] = {"type": "string", "avro.java.string": "String"}
    schema["fields"][7]["type"]["name"] = "onhand.Disposition"
    filed = client.post("/subjects/stock-returns-value", json=schema_body(schema)).json()
    assert filed["id"] == schemas.schema_id("ReturnReceived")


def test_another_schema_is_not_found_and_not_registered(client: TestClient) -> None:
    """A draft is no schema of ours, nor is one of ours that belongs to another subject."""
    for schema in (draft(), schemas.load("StockLevel")):
        looked_up = client.post("/subjects/stock-sales-value", json=schema_body(schema))
        assert (looked_up.status_code, looked_up.json()["error_code"]) == (404, 40403)
        registered = client.post("/subjects/stock-sales-value/versions", json=schema_body(schema))
        assert (registered.status_code, registered.json()["error_code"]) == (422, 42205)


def test_change_of_unit_is_another_schema(client: TestClient) -> None:
    """Microseconds are not taken for milliseconds, although Avro writes both alike."""
    schema = schemas.load("SaleRecorded")
    schema["fields"][6]["type"]["logicalType"] = "timestamp-micros"
    assert client.post("/subjects/stock-sales-value", json=schema_body(schema)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/subjects/stock-sales-value"),
        ("DELETE", "/subjects/stock-sales-value/versions/1"),
        ("PUT", "/config"),
        ("PUT", "/mode"),
        ("PUT", "/config/stock-sales-value"),
    ],
)
def test_nothing_can_be_changed(client: TestClient, method: str, path: str) -> None:
    """Whatever would change something is refused as a registry in read-only mode refuses it."""
    response = client.request(method, path, json={"compatibility": "NONE"})
    assert (response.status_code, response.json()["error_code"]) == (422, 42205)
    assert client.get("/subjects/stock-sales-value/versions").json() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("body", "error_code"),
    [
        (b"no JSON", 400),
        (b"[]", 400),
        (b"{}", 42201),
        (b'{"schema": 7}', 42201),
        (b'{"schema": "no schema"}', 42201),
        (b'{"schema": "{\\"type\\": \\"sale\\"}"}', 42201),
        (b'{"schema": "{}", "schemaType": "PROTOBUF"}', 42201),
        (b'{"schema": "\\"string\\"", "references": [{"name": "a", "subject": "b", "version": 1}]}', 42201),
        (b'{"schema": "' + b" " * BODY_MAX_BYTES + b'"}', 413),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_body_that_is_no_schema_is_refused(client: TestClient, body: bytes, error_code: int) -> None:
    """Each broken body gets the code for what is wrong with it, never a server error."""
    response = client.post("/subjects/stock-sales-value", content=body)
    assert response.json()["error_code"] == error_code
    assert response.status_code == int(str(error_code)[:3])


def test_draft_is_checked_against_its_record(client: TestClient) -> None:
    """CI can ask before publishing; in a topic's subject a draft is held against its own record only."""
    optional = draft(type=["null", "string"], default=None)
    for subject in ("stock-sales-value", "onhand.SaleRecorded"):
        path = f"/compatibility/subjects/{subject}/versions"
        assert client.post(path, json=schema_body(optional)).json() == {"is_compatible": True}
        refused = client.post(path, json=schema_body(draft()), params={"verbose": "True"}).json()
        assert refused["is_compatible"] is False
        assert "till_id" in refused["messages"][0]
        latest = client.post(f"{path}/latest", json=schema_body(draft())).json()
        assert latest == {"is_compatible": False}
