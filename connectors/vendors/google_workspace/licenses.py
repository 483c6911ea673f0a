"""Licences. Google lists them by product, and not by user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import LICENSES, GoogleWorkspaceSettings, listed
from connectors.vendors.google_workspace.users import WorkspaceUser, user_of, user_to_change

_PRODUCT = "/apps/licensing/v1/product/{productId}"
LIST_LICENSES = Operation("GET", f"{_PRODUCT}/users", "licensing.licenseAssignments.listForProduct", LICENSES)
REMOVE_LICENSE = Operation(
    "DELETE", f"{_PRODUCT}/sku/{{skuId}}/user/{{userId}}", "licensing.licenseAssignments.delete", LICENSES
)
_PAGE_SIZE = "1000"


class _HeldLicense(Fields):
    user: str = Field(default="", alias="userId")
    product: str = Field(min_length=1, alias="productId")
    sku: str = Field(min_length=1, alias="skuId")
    name: str | None = Field(default=None, alias="skuName")

    def shown(self) -> dict[str, str]:
        return {"id": f"{self.product}/{self.sku}", "name": self.name or self.sku}


def licenses_of(settings: GoogleWorkspaceSettings, user: WorkspaceUser) -> Flow[tuple[list[_HeldLicense], bool]]:
    """The account's licences, and whether Google showed a licence of some user for every product that was asked
    for."""
    own, shown = [], True
    params = {"customerId": user.customer or settings.customer, "maxResults": _PAGE_SIZE}
    for product in settings.license_products.split():
        every = yield from listed(settings.licensing(LIST_LICENSES.request(product, params=params)), _HeldLicense)
        own += [each for each in every if user.has_address(each.user)]
        shown = shown and bool(every)
    return own, shown


def own_licenses(settings: GoogleWorkspaceSettings, user: WorkspaceUser) -> Flow[list[_HeldLicense]]:
    licenses, _ = yield from licenses_of(settings, user)
    return licenses


def remove_licenses(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("removed_licenses")
    for item in (yield from own_licenses(settings, user)):
        with removals.removing(item.shown()):
            request = REMOVE_LICENSE.request(item.product, item.sku, item.user, missing_ok=True)
            yield settings.licensing(request)
    return removals.reply("unknown")


def look_at_licenses(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    licenses, shown = yield from licenses_of(settings, user)
    evidence = {**user.evidence(), "licenses": [each.shown() for each in licenses], "search_proven": shown}
    return none_left(licenses, evidence, shows_such=shown)
