"""The log names the account of a sign-in and of a refused request, by its ID alone."""

from __future__ import annotations

from orchestrator.embedded.stack import Stack
from tests.web.overheard import Overheard, overhearing
from tests.web.visitor import Visitor, api, token_of


def line_ends(heard: Overheard, request: str) -> list[str]:
    """What follows the duration in the lines of one method and route."""
    return [line.partition(" ms")[2] for line in heard.lines if f"INFO {request} " in line]


async def test_sign_ins_and_refused_requests_name_the_account(stack: Stack) -> None:
    with overhearing(stack.settings) as heard:
        async with Visitor(stack.url) as browser:
            await browser.sign_in("hr", to="/")
            await browser.submit("/tokens/0123456789abcdef/revoke")
            await browser.submit("/device", {"code": "AAAA-AAAA", "answer": "confirm"})
        async with api(stack.url, await token_of(stack.url, "hr")) as program:
            await program.get("/me")
            await program.get("/tokens", params={"all": "true"})
        async with api(stack.url, "obt_none") as stranger:
            await stranger.get("/outcomes")
    assert line_ends(heard, "POST /sign-in/local") == [" signed in hr"]
    assert line_ends(heard, "POST /api/v1/sign-in/local") == [" signed in hr"]
    assert line_ends(heard, "POST /tokens/{token_id}/revoke") == [" refused hr"]
    assert line_ends(heard, "POST /device") == [" refused hr"], "the answer is a redirect, and its status is 303"
    assert line_ends(heard, "GET /api/v1/tokens") == [" refused hr"]
    assert line_ends(heard, "GET /api/v1/outcomes") == [""], "no account is known"
    assert line_ends(heard, "GET /") == line_ends(heard, "GET /api/v1/me") == [""], "reading is not logged by account"
