"""Objections to a version of a packet: an owner objects with a reason, and withdraws the objection."""

from __future__ import annotations

from fastapi import APIRouter, Request

from orchestrator import commands
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.admin.packets import PacketVersion, shown_version
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import ObjectionId, PacketName, Text, Version
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/packets", tags=["packets"], route_class=IdempotentRoute)


class NewObjection(RequestModel):
    reason: Text = ""


@router.post(
    "/{name}/versions/{version}/objections", summary="Object to a packet version", responses=problems_of_post(404)
)
async def object_to(
    request: Request,
    caller: ApiCaller,
    name: PacketName,
    version: Version,
    asked: NewObjection,
    key: IdempotencyKey = None,
) -> PacketVersion:
    """As an owner, with a reason. The version does not go to a later phase until you withdraw the objection."""
    web = state_of(request)
    await readable(web, caller, name)
    await commands.object_to_packet(web.services, caller.actor, name, version, asked.reason)
    return await shown_version(web, caller, name, version)


@router.post(
    "/{name}/versions/{version}/objections/{objection}/withdrawal",
    summary="Withdraw an objection",
    responses=problems_of_post(404),
)
async def withdraw(
    request: Request,
    caller: ApiCaller,
    name: PacketName,
    version: Version,
    objection: ObjectionId,
    key: IdempotencyKey = None,
) -> PacketVersion:
    """Your own one."""
    web = state_of(request)
    await readable(web, caller, name)
    await commands.withdraw_objection(web.services, caller.actor, name, version, objection)
    return await shown_version(web, caller, name, version)
