"""A base class for connectors that wrap another connector. Subclasses define the calls to the system."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.abilities import Ability, Connector


class WrappingConnector:
    """Passes on what needs no call to the system. Subclasses have the calls."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    @property
    def kind(self) -> str:
        return self._connector.kind

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return self._connector.abilities

    async def aclose(self) -> None:
        await self._connector.aclose()
