"""One check of a token, ready to be made."""

from collections.abc import Callable
from dataclasses import dataclass

from resource_service.diagnosis.dissection import Dissection
from shared.access_token import Refusal


@dataclass(frozen=True)
class Step:
    """A check; `look` returns what it saw, or raises `Wrong` or what the dissection raises."""

    check: str
    section: str
    refusal: Refusal
    look: Callable[[Dissection], str]
    advice: str = ""


class Wrong(Exception):
    """The check failed; the text is what it saw.

    `refusal` and `advice` where they are not the step's own.
    """

    def __init__(self, saw: str, *, refusal: str = "", advice: str = "") -> None:
        super().__init__(saw)
        self.refusal = refusal
        self.advice = advice
