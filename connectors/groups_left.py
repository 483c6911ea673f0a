"""Removal from groups: an error at one group does not keep the account in the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError

_OF_ONE_GROUP = frozenset({"credential_refused", "rights_missing", "changed_meanwhile"})
"""Failures that may be about the one group, although their kind is not `RefusedError`."""


class GroupsLeft:
    """Each group is left inside `leaving`. `reply` then returns what was left, or raises what failed, by name."""

    def __init__(self) -> None:
        self._left: list[Mapping[str, Any]] = []
        self._failed: list[tuple[str, ConnectorError]] = []

    @contextlib.contextmanager
    def leaving(self, group: Mapping[str, Any]) -> Iterator[None]:
        """`group` has `id` and `name`. A refusal is kept for `reply`; any other error is raised at once."""
        try:
            yield
        except ConnectorError as error:
            if not isinstance(error, RefusedError) and error.code not in _OF_ONE_GROUP:
                raise
            self._failed.append((str(group.get("name") or group.get("id")), error))
        else:
            self._left.append(group)

    def not_found(self, names: Iterable[str]) -> None:
        """Names in the step's parameters that no group has."""
        for name in names:
            error = RefusedError(
                "group_not_found",
                "No group has this name.",
                remedy="Correct the parameter groups of the step in workflow.yaml.",
            )
            self._failed.append((name, error))

    def reply(self, happened: Literal["no", "unknown"] = "no") -> Mapping[str, Any]:
        """Raises the error of the groups that could not be left; `groups_not_left` where there are different ones."""
        if not self._failed:
            return {"left_groups": self._left}
        errors = [error for _, error in self._failed]
        names = ", ".join(sorted(name for name, _ in self._failed))
        left = ", ".join(sorted(str(group.get("name") or group.get("id")) for group in self._left)) or "none"
        one = errors[0]
        same = all(error.code == one.code for error in errors)
        kind: type[ConnectorError] = RefusedError
        if same and isinstance(one, TryAgainError | ActionRequiredError):
            kind = TryAgainError if isinstance(one, TryAgainError) else ActionRequiredError
        raise kind(
            one.code if same else "groups_not_left",
            f"Not removed from: {names}. {one.detail} Removed from: {left}.",
            remedy=one.remedy,
            happened=happened,
        )
