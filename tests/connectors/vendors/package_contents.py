"""The operations and models of a connector that is a package: what a test compares with the vendor's description."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType

from connectors.http.flows import Fields
from connectors.http.requests import Operation


def operations_of(package: ModuleType) -> list[Operation]:
    """Those that a module of the package has under a name, or within a mapping or tuple, each once."""
    found = (operation for module in _modules(package) for operation in _operations_in(vars(module)))
    return list({operation.operation_id: operation for operation in found}.values())


def models_of(package: ModuleType) -> dict[str, type[Fields]]:
    """The shapes of answers, by the name of the class."""
    return {
        name: each
        for module in _modules(package)
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Fields) and each is not Fields
    }


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def _operations_in(value: object) -> Iterator[Operation]:
    if isinstance(value, Operation):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _operations_in(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _operations_in(item)
