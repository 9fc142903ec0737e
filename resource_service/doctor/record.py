"""What a walk has found so far."""

from dataclasses import dataclass
from typing import Any, Final, Literal, overload

from resource_service.diagnosis.findings import Finding, Outcome, cut
from resource_service.doctor.client import Answer, Client, NoAnswer

_LONGEST: Final = 300  # characters of what was seen
_OK: Final = 200
_NOT_FOUND: Final = 404
_UNREACHABLE: Final = "Start the service, or mend the way to it: name, port, certificate, proxy."
_DIRECTLY: Final = "Answer this address directly with 200, application/json and one JSON object."


class CannotGoOn(Exception):
    """A strict client would stop here; why is in the record."""


@dataclass(frozen=True)
class Document:
    """A JSON object that was served as one, and the answer that it came in."""

    members: dict[str, Any]
    answer: Answer


class Record:
    """The findings of one walk, in its order."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def expect(self, good: object, check: str, section: str, saw: str, advice: str) -> bool:
        """Note how a check came out, and tell whether it was good; the walk goes on."""
        outcome = Outcome.PASSED if good else Outcome.FAILED
        self.findings.append(
            Finding(check, outcome, cut(saw, _LONGEST), section, "" if good else advice)
        )
        return bool(good)

    def require(self, good: object, check: str, section: str, saw: str, advice: str) -> None:
        """Note it, and raise `CannotGoOn` if it is not good."""
        if not self.expect(good, check, section, saw, advice):
            raise CannotGoOn

    def skip(self, check: str, section: str, why: str = "") -> None:
        """Note a check that was not made."""
        self.findings.append(Finding(check, Outcome.NOT_REACHED, cut(why, _LONGEST), section))

    @overload
    async def document(self, client: Client, url: str, check: str, section: str) -> Document: ...

    @overload
    async def document(
        self, client: Client, url: str, check: str, section: str, *, may_be_missing: Literal[True]
    ) -> Document | None: ...

    async def document(
        self, client: Client, url: str, check: str, section: str, *, may_be_missing: bool = False
    ) -> Document | None:
        """Fetch a JSON object that must come directly, or raise `CannotGoOn`.

        None if it may be missing, and a 404 says that it is.
        """
        try:
            answer = await client.get(url)
        except NoAnswer as error:
            self.expect(False, check, section, f"{url}: {error}", _UNREACHABLE)
            raise CannotGoOn from error
        if may_be_missing and answer.status == _NOT_FOUND:
            return None
        members = answer.document()
        saw = f"{url}: {answer.summary}{', no JSON object' if members is None else ''}"
        good = answer.status == _OK and is_json(answer) and members is not None
        self.require(good, check, section, saw, _DIRECTLY)
        return Document(members or {}, answer)


def is_json(answer: Answer) -> bool:
    """Tell whether the media type is JSON, or built on it (RFC 6839 §3.1)."""
    return answer.media_type == "application/json" or answer.media_type.endswith("+json")
