"""A simulator's own server speaks HTTP as clients do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from orchestrator.embedded.vendors.serving import ConnectionCut, served


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = await request.body()
    if request.url.path == "/cut":
        raise ConnectionCut
    response: Response = JSONResponse({"path": request.url.path, "query": request.url.query, "body": body.decode()})
    if request.url.path == "/empty":
        response = Response(status_code=204)
    await response(scope, receive, send)


async def test_bodies_of_each_kind_arrive_on_one_connection() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"in "
        yield b"chunks"

    async with served(echo) as url, httpx.AsyncClient(base_url=url, verify=False) as client:
        assert (await client.get("/a%20b?x=1")).json() == {"path": "/a b", "query": "x=1", "body": ""}
        assert (await client.post("/", content=b"whole")).json()["body"] == "whole"
        assert (await client.post("/", content=parts())).json()["body"] == "in chunks"
        assert (await client.get("/empty")).status_code == 204
        assert (await client.get("/", headers={"Connection": "close"})).status_code == 200
        assert (await client.get("/")).status_code == 200


async def test_a_cut_connection_has_no_answer() -> None:
    async with served(echo) as url, httpx.AsyncClient(base_url=url, verify=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut")
        many = await asyncio.gather(*(client.get(f"/{number}") for number in range(20)))
        assert [one.json()["path"] for one in many] == [f"/{number}" for number in range(20)]
