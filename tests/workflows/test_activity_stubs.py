"""Workflows call stubs, workers register methods: both must be the same by name, argument and answer."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.attempts.systems import SystemActivities
from activities.deliveries.notices import NoticeActivities
from activities.deliveries.webhooks import WebhookActivities
from activities.inquiries.inquiries import InquiryActivities
from activities.runs import RunActivities
from orchestrator.workflows import activity_stubs


def activities_of(*places: Any) -> dict[str, Callable[..., Any]]:
    found = {}
    for place in places:
        for _, function in inspect.getmembers(place, callable):
            definition = activity._Definition.from_callable(function)
            if definition is not None and definition.name is not None:
                assert definition.name not in found, f"{definition.name} is registered twice"
                found[definition.name] = function
    return found


def signature(function: Callable[..., Any]) -> tuple[list[Any], Any]:
    types = typing.get_type_hints(function)
    answer = types.pop("return")
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return [types[name] for name in names], answer


def test_stubs_and_activities_are_the_same() -> None:
    stubs = activities_of(activity_stubs)
    registered = activities_of(RunActivities, SystemActivities, InquiryActivities, NoticeActivities, WebhookActivities)
    assert stubs.keys() == registered.keys()
    for name, stub in stubs.items():
        assert signature(stub) == signature(registered[name]), name
        assert inspect.iscoroutinefunction(stub) and inspect.iscoroutinefunction(registered[name])
