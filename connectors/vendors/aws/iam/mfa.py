"""The devices of a user for a second factor (MFA)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.requests import Flow
from connectors.removals import Removals
from connectors.vendors.aws.iam.console import login_profile
from connectors.vendors.aws.iam.evidence import none_on_list
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import changing, listed, reading, remove

_VIRTUAL = ":mfa/"  # in the serial number, which is an ARN then; that of a security key has :u2f/


class MfaDevice(Fields):
    user: str = Field(alias="UserName")
    serial: str = Field(alias="SerialNumber", min_length=1)
    enabled: str = Field(default="", alias="EnableDate")

    @property
    def is_virtual(self) -> bool:
        return _VIRTUAL in self.serial

    def shown(self) -> dict[str, str]:
        return {"id": self.serial, "name": self.serial.rpartition("/")[2], "enabled": self.enabled}


def devices_of(name: str) -> Flow[list[MfaDevice]]:
    """Those of the user with this name."""
    items = yield from listed(reading("ListMFADevices", UserName=name), "MFADevices")
    devices = [parse(item, MfaDevice) for item in items]
    if any(comparable(device.user) != comparable(name) for device in devices):
        unexpected("A device is of another user than the one that was requested.")
    return devices


def remove_devices(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """A virtual device is also deleted. Refused while the user can sign in to the console: without a second factor,
    the password alone would suffice."""
    user = yield from user_to_change(settings, effect)
    devices = yield from devices_of(user.name)
    if devices and (yield from login_profile(user)) is not None:
        raise RefusedError(
            "console_access_left",
            f"{user.name} can sign in to the console, and without MFA the password alone would suffice.",
            remedy="Run remove_console_access before remove_mfa_devices.",
            happened="no",
        )
    removals = Removals("removed_mfa_devices")
    for device in devices:
        with removals.removing(device.shown()):
            yield from remove(changing("DeactivateMFADevice", UserName=user.name, SerialNumber=device.serial))
            if device.is_virtual:
                yield from remove(changing("DeleteVirtualMFADevice", SerialNumber=device.serial))
    return removals.reply("unknown")


@with_user
def look_at_devices(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    left = [device.shown() for device in (yield from devices_of(user.name))]
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            {**user.evidence(), "mfa_devices": left},
            removed="removed_mfa_devices",
            query=devices_of,
            actions=("iam:ListMFADevices",),
        )
    )
