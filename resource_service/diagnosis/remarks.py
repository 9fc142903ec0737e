"""What our modules log, kept to be shown instead of going to the terminal."""

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
        loggers = [logging.getLogger(package) for package in ("resource_service", "shared")]
        propagate = [logger.propagate for logger in loggers]
        for logger in loggers:
            logger.propagate = False
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger, before in zip(loggers, propagate, strict=True):
                logger.removeHandler(self)
                logger.propagate = before
