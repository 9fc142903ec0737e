"""What the documents say of refusals."""

from fastapi import FastAPI

from shared.errors import InvalidRequest, InvalidScope, InvalidToken, TemporarilyUnavailable
from shared.http import openapi


def test_errors_of_one_status_become_one_answer_with_an_example_each() -> None:
    answers = openapi.refusals(InvalidScope, InvalidToken, InvalidRequest)
    assert list(answers) == [400, 401]
    content = answers[400]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Error"}
    assert set(content["examples"]) == {"invalid_request", "invalid_scope"}
    assert content["examples"]["invalid_scope"]["value"] == {"error": "invalid_scope"}
    assert set(answers[401]["headers"]) == {"Cache-Control", "WWW-Authenticate"}


def test_503_says_when_to_come_again() -> None:
    answer = openapi.refusals(TemporarilyUnavailable)[503]
    assert answer["headers"]["Retry-After"]["required"] is True


def test_the_document_has_no_422_and_one_shape_of_error() -> None:
    app = FastAPI()
    openapi.install(app)

    @app.get("/items", responses=openapi.refusals(InvalidRequest))
    async def items(limit: int) -> list[int]:
        return [limit]

    document = app.openapi()
    assert set(document["paths"]["/items"]["get"]["responses"]) == {"200", "400"}
    assert set(document["components"]["schemas"]) == {"Error"}
    assert app.openapi() is document
