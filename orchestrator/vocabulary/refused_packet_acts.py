"""What was refused of a packet version, in words for pages and terminal.

`REFUSED_PACKET_ACT` has each code of a refusal that a packet records; `tests/structure/test_labels.py` compares it with
the rules of packets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.vocabulary.states import PHASE, Vocabulary, in_sentence, label

PACKET_ACT: Vocabulary = {
    "adopt": "Adoption",
    "sign": "Signature",
    "move": "Change of phase",
    "object": "Objection",
    "withdraw": "Withdrawal of an objection",
}

REFUSED_PACKET_ACT: Vocabulary = {
    "access_limited": "This access is limited to less",
    "already_signed": "Another owner had already signed",
    "file_of_other_owner": "A file of the other owner differs from the version in production",
    "no_next_phase": "The version has no next phase",
    "not_an_owner": "The account does not have the role of an owner",
    "not_your_objection": "Another person made the objection",
    "objected_already": "This person already objects to the version",
    "objection_open": "An objection to the version is open",
    "objection_withdrawn": "The objection was withdrawn",
    "one_person_signs_once": "This person has signed as the other owner",
    "only_people_govern": "Only people whom HR knows can do this",
    "packet_retired": "The version is retired",
    "signature_missing": "A signature is missing",
    "support_missing": "A system lacks support",
}


def refused_act(one: Mapping[str, Any]) -> str:
    """A sentence about a part of a packet's document: `Signature for production refused: a signature is missing.`"""
    to = "to" if one["act"] == "move" else "for"
    phase = f" {to} {in_sentence(label(one['phase'], PHASE))}" if one["phase"] else ""
    why = in_sentence(label(one["code"], REFUSED_PACKET_ACT))
    return f"{label(one['act'], PACKET_ACT)}{phase} refused: {why}."
