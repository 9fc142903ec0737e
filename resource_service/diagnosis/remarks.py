"""What this service's modules log, kept to be shown instead of going to the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from resource_service.diagnosis.findings import cut

_LONGEST: Final = 400  # characters


class Remarks(logging.Handler):
    """The texts of warnings, each once, in their order."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: dict[str, None] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """What was said so far."""
        return tuple(self._texts)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of one record."""
        self._texts[cut(record.getMessage(), _LONGEST)] = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take everything that is logged meanwhile."""
        logger = logging.getLogger("resource_service")
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.propagate = propagate
