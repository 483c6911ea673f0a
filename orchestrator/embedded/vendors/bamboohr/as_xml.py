"""XML, which BambooHR answers unless `Accept` asks for JSON."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring


def as_xml(body: Any) -> bytes:
    """Of an employee, the directory, rows of a table, or changes."""
    if isinstance(body, list):
        root = Element("table")
        for row in body:
            _fields(SubElement(root, "row", id=row["id"], employeeId=row["employeeId"]), row, ("id", "employeeId"))
    elif "fields" in body:
        root = Element("directory")
        fieldset = SubElement(root, "fieldset")
        for one in body["fields"]:
            SubElement(fieldset, "field", id=one["id"], type=one["type"]).text = one["name"]
        employees = SubElement(root, "employees")
        for one in body["employees"]:
            _fields(SubElement(employees, "employee", id=one["id"]), one, ("id",))
    elif "latest" in body:
        root = Element("employees", latest=body["latest"])
        for one in body["employees"].values():
            SubElement(root, "employee", id=one["id"], action=one["action"], lastChanged=one["lastChanged"])
    elif "table" in body:
        root = Element("table", id=body["table"])
        for id, one in body["employees"].items():
            employee = SubElement(root, "employee", id=id, lastChanged=one["lastChanged"])
            for row in one["rows"]:
                _fields(SubElement(employee, "row", id=row["id"]), row, ("id", "employeeId"))
    else:
        root = Element("employee", id=body["id"])
        _fields(root, body, ("id",))
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _fields(parent: Element, values: dict[str, Any], attributes: tuple[str, ...]) -> None:
    for name, value in values.items():
        if name not in attributes:
            SubElement(parent, "field", id=name).text = None if value is None else str(value)
