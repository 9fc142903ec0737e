"""Somebody's MCP server. Run: uvicorn --app-dir docs/examples mcp_server:app"""

import os

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token

from resource_service.protection.mcp import protect_mcp

server = MCPServer("Notes")


@server.tool()
def whose_notes() -> str:
    """Say whose notes these are."""
    token = get_access_token()
    return f"notes of {token.subject}, for {token.client_id}" if token else "nobody's"


app = protect_mcp(
    server.streamable_http_app(),
    issuer=os.environ["ISSUER"],
    resource=os.environ["RESOURCE"],
    scope="notes:read",
)
