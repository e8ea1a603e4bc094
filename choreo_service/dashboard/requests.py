"""What the handlers of all pages ask of a request."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from aiohttp import web

from choreo_service.dashboard.access import Rights

RIGHTS: Final = web.RequestKey("rights", Rights)
LONGEST_S: Final = 1e6


def require_steering(request: web.Request) -> None:
    """HTTP 403 for who may only look."""
    if not request[RIGHTS].may_steer:
        raise web.HTTPForbidden(text="this visitor may only look\n")


def number(request: web.Request, key: str, default: float) -> float:
    """A number of the query, from 0 to LONGEST_S; HTTP 400 for anything else."""
    try:
        value = float(request.query.get(key, default))
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= LONGEST_S:
        raise web.HTTPBadRequest(text=f"{key}: expected a number from 0 to {LONGEST_S:g}\n")
    return value


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body; a form of another site can't send this content type without asking first, which we don't answer."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="expected Content-Type: application/json\n")
    try:
        words = json.loads(await request.text())
    except (web.RequestPayloadError, ConnectionError):  # damaged, or the visitor is gone
        raise web.HTTPBadRequest(text="the body can't be read\n") from None
    except (ValueError, LookupError, RecursionError):  # LookupError: no such charset
        raise web.HTTPBadRequest(text="this is no JSON\n") from None
    if not isinstance(words, dict):
        raise web.HTTPBadRequest(text="expected a JSON object\n")
    return words
