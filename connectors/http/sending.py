"""One HTTP request and its answer, with the care that every request of ours takes.

- Nothing is waited for beyond the deadline: name lookup, connection, request, answer and body together.
- Certificates are verified; redirects are not followed; the environment reroutes nothing.
- A body is read up to a limit and no further, and taken as it comes: nothing is unpacked.
- What went wrong is a `NotReceived` with a code. What httpx raises carries the request, and with it the credential, so
  it is neither a cause nor a context of what is raised here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from connectors.http.tls import trust

Code = Literal["deadline_over", "certificate_refused", "unreachable", "connection_lost"]


class NotReceived(Exception):
    """There is no answer. `sent` is whether the request had begun to leave, so that it may have been carried out.
    `detail` says what happened, and may hold what the other side said."""

    def __init__(self, code: Code, detail: str, *, sent: bool) -> None:
        super().__init__(code)
        self.code: Code = code
        self.detail = detail
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Received:
    """`complete` is false where the body was longer than the limit; then `body` is its beginning."""

    status: int
    headers: httpx.Headers
    body: bytes
    complete: bool


def new_client(*, encrypted: bool, ca_file: str = "", headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client for `send`. `ca_file` names certificates to trust instead of the public ones. Raises
    `ActionRequiredError` where they cannot be read."""
    return httpx.AsyncClient(
        headers={"Accept-Encoding": "identity", **(headers or {})},
        verify=trust(ca_file) if encrypted else True,
        follow_redirects=False,
        timeout=None,  # noqa: S113 - `send` puts one total deadline over all of it
        trust_env=False,  # an environment variable must not reroute a credential, or an address that was checked
    )


async def send(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL | str,
    *,
    until: float,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    server_name: str | None = None,
) -> Received:
    """`until` is a moment on the event loop's clock, in seconds. `server_name` is the name whose certificate counts,
    where `url` has an address instead. Raises `NotReceived`."""
    sent = False

    async def on_trace(event: str, _: Mapping[str, Any]) -> None:
        nonlocal sent
        sent = sent or event.endswith("send_request_headers.started")

    extensions: dict[str, Any] = {"trace": on_trace}
    if server_name is not None:
        extensions["sni_hostname"] = server_name
    try:
        async with (
            asyncio.timeout_at(until),
            client.stream(method, url, headers=headers, content=content, extensions=extensions) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > max_bytes:
                    break
    except TimeoutError:
        failed = NotReceived("deadline_over", "It was not answered in time.", sent=sent)
    except httpx.ConnectError as error:
        refused = "CERTIFICATE" in str(error).upper()
        failed = NotReceived("certificate_refused" if refused else "unreachable", str(error), sent=False)
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        failed = NotReceived("connection_lost", type(error).__name__, sent=sent)
    else:
        return Received(response.status_code, response.headers, bytes(body[:max_bytes]), len(body) <= max_bytes)
    raise failed
