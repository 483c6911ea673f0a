"""Actions on access keys, SSH keys, service-specific credentials, signing certificates and MFA devices."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.aws.account import AwsItem
from tests.vendors.aws.errors import missing, refusal
from tests.vendors.aws.users import DONE, page, user_in


def list_keys(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    keys = [
        {"UserName": user.name, "AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created.isoformat()}
        for key in user.keys
    ]
    return page(call, "AccessKeyMetadata", keys)


def _key(simulator: Any, call: Call) -> Any:
    key = user_in(simulator, call).key(call.first("AccessKeyId"))
    if key is None:
        raise missing(f"The Access Key with id {call.first('AccessKeyId')}")
    return key


def update_key(simulator: Any, call: Call) -> Response:
    _key(simulator, call).status = call.first("Status")
    return answer(DONE)


def delete_key(simulator: Any, call: Call) -> Response:
    key = _key(simulator, call)
    user_in(simulator, call).keys.remove(key)
    return answer(DONE)


def last_used(simulator: Any, call: Call) -> Response:
    for user in simulator.state.users.values():
        key = user.key(call.first("AccessKeyId"))
        if key is not None:
            at = simulator.state.last_use_of(key.id)
            used = {"LastUsedDate": at.isoformat()} if at else {}
            where = ("iam", "us-east-1") if used else ("N/A", "N/A")
            return answer(
                {"UserName": user.name, "AccessKeyLastUsed": {**used, "ServiceName": where[0], "Region": where[1]}}
            )
    raise refusal(403, "AccessDenied", "The access key is not of this account.")


def _remove(items: list[AwsItem], id: str, what: str) -> Response:
    found = [item for item in items if item.id == id]
    if not found:
        raise missing(f"{what} {id}")
    items.remove(found[0])
    return answer(DONE)


def _update(items: list[AwsItem], id: str, what: str, call: Call) -> Response:
    found = [item for item in items if item.id == id]
    if not found:
        raise missing(f"{what} {id}")
    found[0].status = call.first("Status")
    return answer(DONE)


def list_ssh_keys(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    keys = [
        {"UserName": user.name, "SSHPublicKeyId": key.id, "Status": key.status, "UploadDate": key.created.isoformat()}
        for key in user.ssh_keys
    ]
    return page(call, "SSHPublicKeys", keys)


def update_ssh_key(simulator: Any, call: Call) -> Response:
    return _update(user_in(simulator, call).ssh_keys, call.first("SSHPublicKeyId"), "The Public Key", call)


def delete_ssh_key(simulator: Any, call: Call) -> Response:
    return _remove(user_in(simulator, call).ssh_keys, call.first("SSHPublicKeyId"), "The Public Key")


def list_service_credentials(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    found = [
        {
            "UserName": user.name,
            "Status": one.status,
            "ServiceUserName": f"{user.name}-at-{simulator.state.id}",
            "CreateDate": one.created.isoformat(),
            "ServiceSpecificCredentialId": one.id,
            "ServiceName": one.service,
        }
        for one in user.service_credentials
    ]
    return page(call, "ServiceSpecificCredentials", found)


def update_service_credential(simulator: Any, call: Call) -> Response:
    items = user_in(simulator, call).service_credentials
    return _update(items, call.first("ServiceSpecificCredentialId"), "No such credential", call)


def delete_service_credential(simulator: Any, call: Call) -> Response:
    items = user_in(simulator, call).service_credentials
    return _remove(items, call.first("ServiceSpecificCredentialId"), "No such credential")


def list_certificates(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    found = [
        {
            "UserName": user.name,
            "CertificateId": one.id,
            "CertificateBody": "-----BEGIN CERTIFICATE-----",
            "Status": one.status,
            "UploadDate": one.created.isoformat(),
        }
        for one in user.certificates
    ]
    return page(call, "Certificates", found)


def update_certificate(simulator: Any, call: Call) -> Response:
    return _update(user_in(simulator, call).certificates, call.first("CertificateId"), "The Certificate", call)


def delete_certificate(simulator: Any, call: Call) -> Response:
    return _remove(user_in(simulator, call).certificates, call.first("CertificateId"), "The Certificate")


def list_devices(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    found = [
        {"UserName": user.name, "SerialNumber": one.id, "EnableDate": one.created.isoformat()} for one in user.devices
    ]
    return page(call, "MFADevices", found)


def deactivate_device(simulator: Any, call: Call) -> Response:
    return _remove(user_in(simulator, call).devices, call.first("SerialNumber"), "MFA Device")


def delete_virtual_device(simulator: Any, call: Call) -> Response:
    serial = call.first("SerialNumber")
    if serial not in simulator.state.virtual_devices:
        raise missing(f"VirtualMFADevice with serial number {serial}")
    if any(device.id == serial for user in simulator.state.users.values() for device in user.devices):
        raise refusal(409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
    simulator.state.virtual_devices.remove(serial)
    return answer(DONE)
