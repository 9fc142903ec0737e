"""Notes of the caller, kept in this service's own database."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from resource_service.endpoints import PROTECTED, Route
from resource_service.protection import requires
from resource_service.store import notes
from resource_service.store.database import Database
from shared.access_token import AccessToken
from shared.errors import ContentTooLarge, InsufficientScope, NotFound, UnsupportedMediaType
from shared.http.openapi import refusals

SCOPES: Final = {"notes:read": "Read your notes", "notes:write": "Write and delete your notes"}

router = APIRouter(route_class=Route, prefix="/notes", tags=["notes"])

Reader = Annotated[AccessToken, Depends(requires("notes:read"))]
Writer = Annotated[AccessToken, Depends(requires("notes:write"))]
_ID: Final = "0197a1de-7c11-7b4e-9d0c-0d8f3a9f2b61"
_NOTE: Final[dict[str, Any]] = {
    "id": _ID,
    "title": "Milk",
    "body": "Two litres",
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
}
NoteId = Annotated[UUID, Path(description="The note's id.", examples=[_ID])]

_LIST: Final = refusals(*PROTECTED, InsufficientScope)
_ONE: Final = refusals(*PROTECTED, InsufficientScope, NotFound)
_BODY: Final = (*PROTECTED, InsufficientScope, ContentTooLarge, UnsupportedMediaType)
_NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL's text cannot hold it


class NoteContent(BaseModel):
    """What a person writes. However it is escaped in JSON, it fits the limit of a body."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Milk", "body": "Two litres"}]}
    )

    title: str = Field(min_length=1, max_length=200, pattern=_NO_NUL)
    body: str = Field(default="", max_length=5000, pattern=_NO_NUL)


class NoteDocument(BaseModel):
    """A stored note."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_NOTE]})

    id: UUID
    title: str
    body: str
    created_at: datetime
    updated_at: datetime


class NotePage(BaseModel):
    """Some notes in the order in which they were made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notes": [_NOTE], "next": None}]})

    notes: list[NoteDocument]
    next: UUID | None = Field(description="To be sent as `after` for the next page; null: no more.")


@router.post(
    "",
    summary="Write a note",
    response_description="The note as it is stored.",
    status_code=HTTPStatus.CREATED,
    response_model=NoteDocument,
    responses={
        **refusals(*_BODY),
        201: {
            "headers": {
                "Location": {
                    "description": "Where the note is.",
                    "schema": {"type": "string"},
                    "required": True,
                }
            }
        },
    },
)
async def create_note(
    request: Request, response: Response, token: Writer, content: NoteContent
) -> notes.Note:
    """Store a new note of the caller's; `Location` says where it is."""
    note = await notes.create(_database(request), token.sub, content.title, content.body)
    response.headers["location"] = f"/notes/{note.id}"
    return note


@router.get("", summary="List notes", response_description="A page of notes.", responses=_LIST)
async def list_notes(
    request: Request,
    token: Reader,
    limit: Annotated[
        int, Query(ge=1, le=100, description="At most so many notes.", examples=[20])
    ] = 20,
    after: Annotated[
        UUID | None, Query(description="Begin behind this note.", examples=[_ID])
    ] = None,
) -> NotePage:
    """Return the caller's notes, oldest first, a page at a time."""
    found = await notes.read_page(_database(request), token.sub, after=after, limit=limit + 1)
    page = [NoteDocument.model_validate(note) for note in found[:limit]]
    return NotePage(notes=page, next=page[-1].id if len(found) > limit else None)


@router.get(
    "/{note_id}",
    summary="Read a note",
    response_description="The note.",
    response_model=NoteDocument,
    responses=_ONE,
)
async def read_note(request: Request, token: Reader, note_id: NoteId) -> notes.Note:
    """Return one note of the caller's; somebody else's is not found."""
    return _found(await notes.read(_database(request), token.sub, note_id))


@router.put(
    "/{note_id}",
    summary="Rewrite a note",
    response_description="The note as it is stored now.",
    response_model=NoteDocument,
    responses=refusals(*_BODY, NotFound),
)
async def update_note(
    request: Request, token: Writer, note_id: NoteId, content: NoteContent
) -> notes.Note:
    """Replace title and body of one note of the caller's; a body that is left out is emptied."""
    return _found(
        await notes.update(_database(request), token.sub, note_id, content.title, content.body)
    )


@router.delete(
    "/{note_id}",
    summary="Delete a note",
    response_description="It is gone.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_ONE,
)
async def delete_note(request: Request, token: Writer, note_id: NoteId) -> None:
    """Delete one note of the caller's for good."""
    if not await notes.delete(_database(request), token.sub, note_id):
        raise NotFound("there is no such note")


def _found(note: notes.Note | None) -> notes.Note:
    if note is None:
        raise NotFound("there is no such note")
    return note


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database
