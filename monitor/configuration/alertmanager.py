"""Settings of `alertmanager`: where alerts are pushed when no Prometheus does it."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from monitor.configuration.values import Duration, ReadableFile

#: what identifies an alert already
_OWN_LABELS = frozenset({"alertname", "severity", "model", "model_version", "feature", "kind", "segment"})


def _base_address(value: str) -> str:
    wrong = ValueError(f"expected http:// or https://, a host and perhaps a port and a path, got {_shown(value)!r}")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without name and password; use authorization_file")
    has_more = parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\x7f]", value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or has_more or not value.isascii():
        raise wrong
    return value


def _shown(value: str) -> str:
    """The address as a message may quote it: what stands before an @ may be a password."""
    return re.sub(r"//.*@", "//…@", value)


class AlertmanagerSettings(BaseModel):
    """Push drift alerts straight to Alertmanager, where no Prometheus evaluates the rules."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
    urls: Annotated[tuple[Annotated[str, AfterValidator(_base_address)], ...], Field(strict=False)] = Field(
        default=(),
        description="Addresses of the Alertmanagers, every member of a pair; empty: nothing is pushed. "
        "`[http://am-0:9093, http://am-1:9093]`.",
    )
    resend_seconds: float = Field(
        default=60.0, ge=1, description="Time between two pushes of an alert that holds; it runs out after four."
    )
    timeout_seconds: float = Field(default=5.0, gt=0, description="How long an Alertmanager may take to answer.")
    hold: Duration = Field(default=900.0, description="How long a drift stays an alert after it was found.")
    labels: dict[str, str] = Field(
        default={}, description="Added to every alert, as Prometheus adds its external labels: `{cluster: eu-1}`."
    )
    authorization_file: ReadableFile | None = Field(
        default=None, description="File with the value of the `Authorization` header, such as `Bearer …`."
    )
    ca_file: ReadableFile | None = Field(
        default=None, description="Certificates that an `https` Alertmanager's is checked against; else the system's."
    )

    @field_validator("urls")
    @classmethod
    def _each_once(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        hosts = [urlsplit(url).netloc for url in urls]
        twice = sorted({host for host in hosts if hosts.count(host) > 1})
        if twice:
            raise ValueError(f"expected each Alertmanager once, got {', '.join(twice)} more than once")
        return urls

    @field_validator("labels")
    @classmethod
    def _free_names(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
                raise ValueError(f"expected names of letters, digits and underscores, got {name!r}")
            if name in _OWN_LABELS:
                raise ValueError(f"{name!r} is a label that alerts have of their own")
        return labels
