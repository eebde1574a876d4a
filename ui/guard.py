"""Who is let in, beyond what Gradio sees to."""

import base64
import secrets
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from genstudio.cli.ui import LOOPBACK, PageOptions

MCP = "/gradio_api/mcp"


def guards(options: PageOptions) -> list[Middleware]:
    """What stands before a page with these options."""
    found = []
    if not options.is_public:
        # A page for this machine alone is not to be reached by a name of somebody else's, through a browser
        # here or a proxy.
        found.append(Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"]))
    if options.auth is not None:
        found.append(Middleware(Password, auth=options.auth))
    return found


class Password:
    """Asks language models, which Gradio lets in without one, for the page's password (HTTP Basic)."""

    def __init__(self, app: Any, auth: str) -> None:
        self._app = app
        self._expected = f"Basic {base64.b64encode(auth.encode()).decode()}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(MCP):
            found = Headers(scope=scope).get("authorization", "")
            if not secrets.compare_digest(found.encode(), self._expected.encode()):
                asks = {"WWW-Authenticate": "Basic"}
                await PlainTextResponse("expected the page's user and password", 401, asks)(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)
