"""Both OpenAPI documents, walked: every operation is described, with examples and refusals."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

ERROR = {"$ref": "#/components/schemas/Error"}
NO_DATABASE = SecretStr("postgresql://nobody@127.0.0.1:1/none")  # documents need none


@pytest.fixture
def document(unstarted_app: FastAPI) -> dict[str, Any]:
    return unstarted_app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def media(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from answer.get("content", {}).items()


def has_example(document: dict[str, Any], content: dict[str, Any]) -> bool:
    schema = resolve(document, content["schema"])
    item = resolve(document, schema.get("items", {}))
    return any("example" in place or "examples" in place for place in (content, schema, item))


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return dict(document["components"]["schemas"][reference.rpartition("/")[2]])


def test_every_operation_has_a_summary_a_description_and_a_described_tag(
    document: dict[str, Any],
) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    for name, operation in operations(document):
        assert operation["summary"].strip(), name
        assert len(operation["description"]) > len(operation["summary"]), name
        assert operation["tags"], name
        assert set(operation["tags"]) <= described, name


def test_every_answer_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            # What the framework says when nobody said anything.
            assert answer["description"] not in {"", "Successful Response"}, f"{name}: {status}"


def test_every_operation_has_its_own_id(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_parameter_is_described_with_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            where = f"{name}: {parameter['name']}"
            assert parameter.get("description"), where
            assert has_example(document, parameter), where


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for kind, content in media(operation.get("requestBody", {})):
            assert has_example(document, content), f"{name}: {kind}"
        for status, answer in operation["responses"].items():
            for kind, content in media(answer):
                assert has_example(document, content), f"{name}: {status} {kind}"


def test_every_refusal_has_the_one_shape_of_error_and_is_never_stored(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document):
        refusals = {status: a for status, a in operation["responses"].items() if status >= "4"}
        for status, answer in refusals.items():
            where = f"{name}: {status}"
            assert answer["description"], where
            assert [(kind, content["schema"]) for kind, content in media(answer)] == [
                ("application/json", ERROR)
            ], where
            assert "Cache-Control" in answer["headers"], where


def test_401_has_a_challenge_and_503_says_when_to_come_again(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, header in (("401", "WWW-Authenticate"), ("503", "Retry-After")):
            if answer := operation["responses"].get(status):
                assert header in answer["headers"], f"{name}: {status}"


def test_there_is_no_422(document: dict[str, Any]) -> None:
    assert "422" not in str(document)
    assert "HTTPValidationError" not in str(document)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_page_and_document_need_neither_database_nor_keys(
    unstarted_app: FastAPI, path: str
) -> None:
    transport = httpx.ASGITransport(unstarted_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.get(path)).status_code == 200
