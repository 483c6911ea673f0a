"""Protection of forms against other sites (CSRF): each form repeats a secret of its session, and browsers send its
origin."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData

from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.state import state_of

FIELD = "csrf"
HEADER = "x-csrf-token"
MAX_FORM_BYTES = 256 * 1024
"""Bytes of a form without files."""
MAX_REASON_CHARACTERS: Final = 4000
"""In a form and in a request to the API."""


async def checked_form(request: Request, caller: PageCaller) -> AsyncIterator[FormData]:
    """The form, if it is ours; its files are gone after the answer. Raises `NotAllowed` (`form_not_ours`), and
    `Invalid` for a reason that is too long (`reason_too_long`)."""
    from_our_pages(request)
    async with request.form(max_files=10, max_fields=1000, max_part_size=MAX_FORM_BYTES) as form:
        given = request.headers.get(HEADER) or form.get(FIELD)
        assert caller.session is not None
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), caller.session.csrf.encode()):
            raise NotAllowed("form_not_ours", "This form belongs to another session.")
        if (length := len(text(form, "reason"))) > MAX_REASON_CHARACTERS:
            raise Invalid(
                "reason_too_long",
                f"The reason has {length:,} characters; the limit is {MAX_REASON_CHARACTERS:,}.",
                limit=MAX_REASON_CHARACTERS,
            )
        yield form


def from_our_pages(request: Request) -> None:
    """What browsers say of themselves: `Sec-Fetch-Site` and `Origin` name another site where one sent this."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    ours = (state_of(request).settings.public_url, f"{request.url.scheme}://{request.headers.get('host', '')}")
    if site not in ("same-origin", "none") or (origin is not None and origin not in ours):
        raise NotAllowed("form_not_ours", "This form was sent from another site.")


def text(form: FormData, name: str) -> str:
    """A field's text without white space around it, nor NUL, which PostgreSQL cannot keep; empty where it is missing or
    a file."""
    value = form.get(name)
    return value.replace("\0", "").strip() if isinstance(value, str) else ""


def texts(form: FormData, name: str) -> list[str]:
    """Every value of a field that may come several times."""
    return [value.replace("\0", "") for value in form.getlist(name) if isinstance(value, str) and value]


Form = Annotated[FormData, Depends(checked_form)]
