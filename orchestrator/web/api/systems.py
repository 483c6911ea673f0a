"""Whether a packet's systems can be reached, and holding back what would change in them."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.packet import Packet
from orchestrator.domain.surroundings import holds_of
from orchestrator.inquiries import CheckSystems
from orchestrator.ledger.system_reports import last_reports
from orchestrator.web.access.caller import ApiCaller, Caller
from orchestrator.web.api.described import Answer, Asking, problems, problems_of_post
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.parameters import Id, InPacket, Reason, SystemName
from orchestrator.web.api.people import WITHIN, current_packet
from orchestrator.web.parts import Parts, parts_of

router = APIRouter(prefix="/api/v1", tags=["systems"], route_class=IdempotentRoute)
