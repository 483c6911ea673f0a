"""SCIM users and groups as servers write them: attribute names in any case (RFC 7643 section 2.1), ids as texts or
numbers, references as objects, texts or addresses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from connectors.http.flows import Fields


def lowered(value: Any) -> Any:
    """The same JSON value with the names of members in lower case."""
    if isinstance(value, dict):
        return {str(name).lower(): lowered(inner) for name, inner in value.items()}
    return [lowered(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _truth(value: Any) -> Any:
    text = value.strip().lower() if isinstance(value, str) else ""
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(text)


def _several(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else [value]


Several = Annotated[list[Any] | None, BeforeValidator(_several)]
ScimId = Annotated[str, BeforeValidator(_text), Field(min_length=1)]


class ScimUser(Fields):
    """To be parsed from a `lowered` document. What is unassigned may be left out, null or empty (RFC 7643 section
    2.5)."""

    id: ScimId
    user_name: str = Field(default="", alias="username")
    active: Annotated[bool | None, BeforeValidator(_truth)] = None
    roles: Several = None
    entitlements: Several = None
    groups: Several = None

    def evidence(self) -> dict[str, Any]:
        return {"present": True, "id": self.id, "user_name": self.user_name, "active": self.active}

    def names(self) -> set[str]:
        """Of roles and groups, in lower case."""
        roles = {reference_id(role) or _display(role) for role in self.roles or ()}
        return {name.casefold() for name in roles | {_display(group) for group in self.groups or ()} if name}

    def direct_groups(self) -> list[ScimGroup]:
        """Those that the user's own document names, without those that come from another group."""
        direct = [ref for ref in self.groups or () if not isinstance(ref, dict) or ref.get("type") != "indirect"]
        return [ScimGroup(id=known, displayname=_display(ref)) for ref in direct if (known := reference_id(ref))]


class ScimGroup(Fields):
    """To be parsed from a `lowered` document."""

    id: ScimId
    name: str = Field(default="", alias="displayname")
    members: Several = None

    def member_ids(self) -> set[str]:
        return {known for member in self.members or () if (known := reference_id(member)) is not None}

    def all_understood(self) -> bool:
        return all(reference_id(member) is not None for member in self.members or ())

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


def group_or_none(document: Any) -> ScimGroup | None:
    """None for a document that is no group: one odd group does not hide the others."""
    try:
        return ScimGroup.model_validate(lowered(document))
    except ValidationError:
        return None


def reference_id(reference: Any) -> str | None:
    """The id in a reference of a `lowered` document: its `value`, or the end of its address."""
    if isinstance(reference, dict):
        value, address = _text(reference.get("value")), reference.get("$ref")
        if isinstance(value, str) and value:
            return value
        return (address.rstrip("/").rpartition("/")[2] or None) if isinstance(address, str) else None
    text = _text(reference)
    return text if isinstance(text, str) and text else None


def _display(reference: Any) -> str:
    text = reference.get("display") if isinstance(reference, dict) else reference
    return text if isinstance(text, str) else ""
