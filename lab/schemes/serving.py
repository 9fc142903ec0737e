"""Running one replica of a scheme, as `python -m lab.schemes.NAME serve`."""

import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from resource_service.settings import Settings
from shared import logs
from shared.settings import UnusableSettings


def main(create_app: Callable[[Settings], FastAPI]) -> None:
    """Serve until SIGTERM or SIGINT, on the RESOURCE_* settings and the scheme's own.

    With the same options as `python -m resource_service serve`: only the scheme differs.
    """
    if sys.argv[1:] != ["serve"]:
        sys.exit("the only command is: serve")
    try:
        settings = Settings.load()
        app = create_app(settings)
    except UnusableSettings as error:
        sys.exit(str(error))
    logs.configure(settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
