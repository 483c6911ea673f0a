"""The order of steps by `needs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """One circle as `[a, b, a]` ("a needs b needs a"), or an empty list. Names that are no step are passed over."""
    finished: set[str] = set()
    for start in needs:
        path: list[str] = []
        pending = [(start, iter(needs[start]))] if start not in finished else []
        if pending:
            path.append(start)
        while pending:
            name, rest = pending[-1]
            for need in rest:
                if need in path:
                    return [*path[path.index(need) :], need]
                if need in needs and need not in finished:
                    path.append(need)
                    pending.append((need, iter(needs[need])))
                    break
            else:
                pending.pop()
                path.pop()
                finished.add(name)
    return []


def needed_before(needs: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """For each step everything that it needs, directly or through others. Circles are borne, not resolved."""
    found: dict[str, frozenset[str]] = {}
    for name in needs:
        seen: set[str] = set()
        waiting = list(needs[name])
        while waiting:
            need = waiting.pop()
            if need in needs and need not in seen:
                seen.add(need)
                waiting.extend(needs[need])
        found[name] = frozenset(seen)
    return found
