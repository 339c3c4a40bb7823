"""Talking to the submission service: a token, a few addresses, and sentences for what fails."""

from __future__ import annotations

import getpass
import ipaddress
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlsplit

from chainrule.errors import UserError

TOKEN_VARIABLE = "CHAINRULE_TOKEN"
SECONDS = 60  # for an answer
NOTEBOOK = "application/x-ipynb+json"
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class ServiceError(UserError):
    """The service refused or could not be reached; the message says why and what to do.

    status: of HTTP, 0 when there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def is_address(to: object) -> bool:
    """Whether a --to is a URL and not a folder."""
    return bool(_ADDRESS.match(str(to)))


def find_token() -> str:
    """The token in CHAINRULE_TOKEN or, where someone can be asked, what they type."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token and (sys.stdin is not None and sys.stdin.isatty() or "ipykernel" in sys.modules):
        token = getpass.getpass("Your token (it is not shown): ").strip()
    if not token:
        raise ServiceError(
            f"The service needs your token. Put what your instructor gave you into "
            f"{TOKEN_VARIABLE}, and hand in again."
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise ServiceError("The token has spaces or other characters in it. Copy it again.")
    return token


class ServiceClient:
    """A submission service at an address, as its holder of a token sees it."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = checked(address), token
        self.opener = urllib.request.build_opener(NoRedirect)

    def get(self, *path: str, query: str = "") -> bytes:
        return self._ask("GET", path, query=query)

    def get_json(self, *path: str, query: str = "") -> Any:
        return self._json(self.get(*path, query=query))

    def post(self, *path: str, data: bytes) -> Any:
        """Send a file; returns the answer's JSON."""
        return self._json(self._ask("POST", path, data))

    def _json(self, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError:
            raise ServiceError(f"{self.address} is not a Chainrule service.") from None

    def _ask(
        self, method: str, path: tuple[str, ...], data: bytes | None = None, query: str = ""
    ) -> bytes:
        url = "/".join([self.address, "api", *(quote(part, safe="") for part in path)])
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "chainrule"}
        if data is not None:
            headers["Content-Type"] = NOTEBOOK
        request = urllib.request.Request(
            url + (f"?{query}" if query else ""), data, headers, method=method
        )
        try:
            with self.opener.open(request, timeout=SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, ValueError) as error:
            raise ServiceError(self._unreachable(error)) from None

    def _refused(self, error: urllib.error.HTTPError) -> ServiceError:
        """What the service itself said, where it said something."""
        try:
            said = json.loads(error.read())["detail"]
        except (OSError, ValueError, KeyError, TypeError):
            said = None
        if isinstance(said, str):
            return ServiceError(said, error.code)
        if 300 <= error.code < 400:
            elsewhere = error.headers.get("Location", "elsewhere")
            return ServiceError(
                f"{self.address} sends you on to {elsewhere}. Your token was not sent there: ask "
                "your instructor for the right address.",
                error.code,
            )
        if error.code >= 500:
            return ServiceError(
                f"{self.address} is out of order ({error.code}). Nothing was handed in; try again "
                "in a few minutes.",
                error.code,
            )
        return ServiceError(
            f"{self.address} is not a Chainrule service ({error.code}).", error.code
        )

    def _unreachable(self, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"{self.address} does not prove that it is what it says "
                f"({reason.verify_message}), so your token was not sent. Tell your instructor."
            )
        if isinstance(reason, TimeoutError):
            said = f"no answer within {SECONDS} s"
        else:
            said = str(getattr(reason, "strerror", None) or reason).splitlines()[0]
        return (
            f"{self.address} can't be reached ({said}). Are you online, and is the address right? "
            "Nothing was handed in, unless you have a receipt."
        )


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that was named, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def checked(address: str) -> str:
    """The address without a slash at its end. Raises ServiceError for one to distrust."""
    address = address.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ServiceError(
            f"{address} is no address of a service. It looks like https://course.example.org."
        )
    if parts.username or parts.query or parts.fragment:
        raise ServiceError(f"{address} holds more than an address. Leave out @, ? and #.")
    if parts.scheme == "http" and not _on_this_machine(host):
        raise ServiceError(
            f"{address} is not encrypted: others could read your token. Use https://{host}."
        )
    return address


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
