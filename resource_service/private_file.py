"""Files that keep what a replica has learnt: only their owner may write them."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def read(path: Path, most: int) -> bytes:
    """Return `most` octets at most; `OSError`, or `ValueError` for a file that others may write.

    Nor is another owner's file read, nor anything that is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & _WRITABLE_BY_OTHERS:
            raise ValueError("others may write it")
        if status.st_uid not in {0, os.geteuid()}:
            raise ValueError("it belongs to somebody else")
        return file.read(most)


def write(path: Path, content: bytes) -> None:
    """Replace the file by a new one, for its owner only; the old one stays until that is complete.

    Raises `OSError`.
    """
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
