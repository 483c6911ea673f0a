"""Authentication with a token that expires and is renewed: OAuth 2.0 and GitHub Apps.

A token is fetched when the first request needs it, renewed before it ends, and renewed once after a 401. Token
requests are yielded to the client like any other request. They change nothing, so a failure in one never leaves the
request behind it in doubt.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Answer, Flow, Outgoing, Request

RENEW_BEFORE_SECONDS = 60.0
"""A token is renewed this long before its end, or at half its life where that is later."""
_KEY_KINDS: Mapping[str, type[RSAKey | ECKey]] = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey}
_ASSERTION_SECONDS = 300
_GITHUB_ASSERTION_SECONDS = 540  # at most ten minutes, less the minute that clocks may differ
_GITHUB_CLOCK_SECONDS = 60
JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 section 2.1
JWT_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2


class SigningKey:
    """A private key that signs JSON Web Tokens (RFC 7519). Its repr does not show the key."""

    def __init__(self, key: str, *, algorithm: str = "RS256", key_id: str = "", thumbprint: str = "") -> None:
        """`key` is a PEM document or a JSON Web Key (RFC 7517), for the algorithms RS*, PS* and ES* (RFC 7518 section
        3.1). `key_id` and `thumbprint`, that of its certificate, are in the header, as `kid` and `x5t#S256`. Raises
        `ActionRequiredError("setting_invalid")`."""
        self._algorithm = algorithm
        names = {"kid": key_id, "x5t#S256": thumbprint}
        self._header = {"alg": algorithm, "typ": "JWT"} | {name: value for name, value in names.items() if value}
        kind = _KEY_KINDS.get(algorithm[:2])
        try:
            if kind is None:
                raise ValueError(algorithm)
            self._key = kind.import_key(json.loads(key) if key.lstrip().startswith("{") else key)
            self.sign({})  # fails for a public key, and for one that does not fit the algorithm
            usable = True
        except (ValueError, TypeError, KeyError, AttributeError, JoseError, UnsupportedAlgorithm):
            usable = False
        if not usable:
            raise ActionRequiredError(
                "setting_invalid",
                "The private key is not a PEM document or JSON Web Key that can sign.",
                remedy="Set the private key as the vendor issued it.",
                happened="no",
            ) from None

    def __repr__(self) -> str:
        return f"SigningKey({self._algorithm})"

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(self._header, dict(claims), self._key, algorithms=[self._algorithm])


class TokenAuth(ABC):
    """Keeps the token, renews it, and reports a refusal. Subclasses ask for the token."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._own_secrets = tuple(secrets)
        self._token: str | None = None
        self._replaced = ""  # it may still be accepted, and be in an answer that is on its way
        self._renew_at = 0.0
        self._assertion = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def token_request(self, now: float) -> Request: ...

    @abstractmethod
    def read_token(self, answer: Answer, now: float) -> tuple[str, float | None]:
        """The token and when it ends, in seconds since 1970; None where the server does not say. Raises
        `pydantic.ValidationError`."""

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        if self._token is None or now >= self._renew_at:
            self._drop_token()
            try:
                answer = yield self.token_request(now)
            except RefusedError as error:  # RFC 6749 section 5.2: the client, its key or its rights are not accepted
                raise _refused(error.detail) from None
            try:
                token, ends_at = self.read_token(answer, now)
            except ValidationError:
                raise ActionRequiredError(
                    "answer_not_understood",
                    "The response to the token request has no token.",
                    remedy="Check the address of the token endpoint.",
                    happened="no",
                ) from None
            self._token = token
            self._renew_at = _renewal(now, ends_at)
        return {"Authorization": f"Bearer {self._token}"}

    def refused(self, sent: Mapping[str, str]) -> bool:
        if self._token is not None and sent.get("Authorization") == f"Bearer {self._token}":
            self._drop_token()
        return True

    def _drop_token(self) -> None:
        self._replaced, self._token = self._token or self._replaced, None

    def secrets(self) -> Collection[str]:
        return [secret for secret in (*self._own_secrets, self._token, self._replaced, self._assertion) if secret]

    def assertion(self, key: SigningKey, claims: Mapping[str, Any]) -> str:
        """A signed assertion, which is a credential too and is kept out of errors."""
        self._assertion = key.sign(claims)
        return self._assertion


class _TokenAnswer(BaseModel):
    """RFC 6749 section 5.1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: str = Field(min_length=1, pattern=r"^[\x21-\x7e]+$")
    expires_in: float | None = Field(default=None, ge=0)


class _OAuthToken(TokenAuth):
    """A token from a token endpoint (RFC 6749 section 3.2)."""

    def __init__(self, token_url: str, secrets: Collection[str]) -> None:
        super().__init__(secrets)
        self._token_url = token_url

    def read_token(self, answer: Answer, now: float) -> tuple[str, float | None]:
        read = _TokenAnswer.model_validate(answer.body)
        return read.access_token, None if read.expires_in is None else now + read.expires_in

    def _form(self, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
        return Request(
            "POST", url=self._token_url, form=form, headers=headers or {}, read_only=True, authenticated=False
        )


class ClientCredentials(_OAuthToken):
    """RFC 6749 section 4.4. The client shows its secret by Basic authentication (section 2.3.1), or in the form where
    `secret_in_form`. `parameters` are further ones that a vendor asks for."""

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str = "",
        secret_in_form: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        # Section 2.3.1: both are form-encoded before they are joined.
        basic = base64.b64encode(f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}".encode()).decode()
        super().__init__(token_url, [client_secret, basic])
        self._headers = {} if secret_in_form else {"Authorization": f"Basic {basic}"}
        self._parameters = {"grant_type": "client_credentials", **(parameters or {})}
        if scope:
            self._parameters["scope"] = scope
        if secret_in_form:
            self._parameters |= {"client_id": client_id, "client_secret": client_secret}

    def token_request(self, now: float) -> Request:
        return self._form(self._parameters, self._headers)


class PrivateKeyJwt(_OAuthToken):
    """Client credentials where the client shows a signed assertion instead of a secret (RFC 7523 section 2.2), as
    Okta's service apps and Entra's app registrations with a certificate do. `client_id_in_form`: the form names the
    client too, and the assertion says since when it is valid (`nbf`), as Entra documents it."""

    def __init__(
        self, token_url: str, *, client_id: str, key: SigningKey, scope: str = "", client_id_in_form: bool = False
    ) -> None:
        super().__init__(token_url, [])
        self._client_id, self._key, self._scope = client_id, key, scope
        self._named = client_id_in_form

    def token_request(self, now: float) -> Request:
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "iat": int(now),
            "exp": int(now) + _ASSERTION_SECONDS,
            "jti": str(uuid4()),
        } | ({"nbf": int(now)} if self._named else {})
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_CLIENT_ASSERTION,
            "client_assertion": self.assertion(self._key, claims),
        }
        form |= {"client_id": self._client_id} if self._named else {}
        return self._form(form | ({"scope": self._scope} if self._scope else {}))


class JwtBearer(_OAuthToken):
    """A signed assertion as the grant (RFC 7523 section 2.1). `subject` is the user on whose behalf the client acts,
    empty for the issuer itself. `scope_in_assertion`: the scope is a claim, as Google has it, and not a parameter.
    `clock_seconds` is by how much the server's clock may be behind: the assertion is dated back by it."""

    def __init__(
        self,
        token_url: str,
        *,
        issuer: str,
        key: SigningKey,
        subject: str = "",
        audience: str = "",
        scope: str = "",
        scope_in_assertion: bool = False,
        clock_seconds: int = 0,
    ) -> None:
        super().__init__(token_url, [])
        self._key, self._clock_seconds = key, clock_seconds
        self._claims = {"iss": issuer, "sub": subject or issuer, "aud": audience or token_url}
        self._parameters = {"grant_type": JWT_BEARER_GRANT}
        if scope:
            (self._claims if scope_in_assertion else self._parameters)["scope"] = scope

    def token_request(self, now: float) -> Request:
        claims = {**self._claims, "iat": int(now) - self._clock_seconds, "exp": int(now) + _ASSERTION_SECONDS}
        return self._form({**self._parameters, "assertion": self.assertion(self._key, claims)})


class _InstallationToken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    token: str = Field(min_length=1, pattern=r"^[\x21-\x7e]+$")
    expires_at: AwareDatetime


class GitHubApp(TokenAuth):
    """An installation of a GitHub App: a signed assertion of the app is exchanged for the installation's token
    (docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app)."""

    def __init__(self, api_url: str, *, app_id: str, installation_id: str, key: SigningKey) -> None:
        super().__init__([])
        self._app_id, self._key = app_id, key
        self._url = f"{api_url.rstrip('/')}/app/installations/{quote(installation_id, safe='')}/access_tokens"

    def token_request(self, now: float) -> Request:
        claims = {
            "iss": self._app_id,
            "iat": int(now) - _GITHUB_CLOCK_SECONDS,
            "exp": int(now) + _GITHUB_ASSERTION_SECONDS - _GITHUB_CLOCK_SECONDS,
        }
        headers = {"Authorization": f"Bearer {self.assertion(self._key, claims)}"}
        return Request("POST", url=self._url, headers=headers, read_only=True, authenticated=False)

    def read_token(self, answer: Answer, now: float) -> tuple[str, float | None]:
        read = _InstallationToken.model_validate(answer.body)
        return read.token, read.expires_at.timestamp()


def _renewal(now: float, ends_at: float | None) -> float:
    if ends_at is None:  # RFC 6749 section 5.1 lets a server leave it out: the token serves until a 401
        return float("inf")
    return max(ends_at - RENEW_BEFORE_SECONDS, now + (ends_at - now) / 2)


def _refused(detail: str) -> ActionRequiredError:
    return ActionRequiredError(
        "credential_refused",
        detail,
        remedy="Renew the client's secret or key, or grant it the permissions that it requests.",
        happened="no",
    )
