"""Removal of several things, such as groups: an error at one does not keep the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError

_OF_ONE = frozenset({"credential_refused", "rights_missing", "changed_meanwhile"})
"""Failures that may be about the one thing, although their kind is not `RefusedError`."""


class Removals:
    """Each thing is removed inside `removing`. `reply` then returns what was removed, under `key`, or raises what
    failed, by name, with `code` where the failures differ."""

    def __init__(self, key: str, code: str = "not_all_removed", *, verb: str = "removed") -> None:
        self._key, self._code, self._verb = key, code, verb
        self._removed: list[Mapping[str, Any]] = []
        self._failed: list[tuple[str, ConnectorError]] = []

    @contextlib.contextmanager
    def removing(self, item: Mapping[str, Any]) -> Iterator[None]:
        """`item` has `id` and `name`. A refusal is kept for `reply`; any other error is raised at once."""
        try:
            yield
        except ConnectorError as error:
            if not isinstance(error, RefusedError) and error.code not in _OF_ONE:
                raise
            self.failed(_name(item), error)
        else:
            self._removed.append(item)

    def failed(self, name: str, error: ConnectorError) -> None:
        self._failed.append((name, error))

    def reply(self, happened: Literal["no", "unknown"] = "no") -> Mapping[str, Any]:
        """Raises the error of what could not be removed."""
        if not self._failed:
            return {self._key: self._removed}
        errors = [error for _, error in self._failed]
        names = ", ".join(sorted(name for name, _ in self._failed))
        removed = ", ".join(sorted(_name(item) for item in self._removed)) or "none"
        one = errors[0]
        same = all(error.code == one.code for error in errors)
        kind: type[ConnectorError] = RefusedError
        if same and isinstance(one, TryAgainError | ActionRequiredError):
            kind = TryAgainError if isinstance(one, TryAgainError) else ActionRequiredError
        raise kind(
            one.code if same else self._code,
            f"Not {self._verb}: {names}. {one.detail} {self._verb.capitalize()}: {removed}.",
            remedy=one.remedy,
            happened=happened,
        )


class GroupsLeft(Removals):
    """Each group is left inside `leaving`."""

    def __init__(self) -> None:
        super().__init__("left_groups", "groups_not_left", verb="removed from")

    @contextlib.contextmanager
    def leaving(self, group: Mapping[str, Any]) -> Iterator[None]:
        """`group` has `id` and `name`. A refusal is kept for `reply`; any other error is raised at once."""
        with self.removing(group):
            yield

    def not_found(self, names: Iterable[str]) -> None:
        """Names in the step's parameters that no group has."""
        for name in names:
            error = RefusedError(
                "group_not_found",
                "No group has this name.",
                remedy="Correct the parameter groups of the step in workflow.yaml.",
            )
            self.failed(name, error)


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("name") or item.get("id"))
