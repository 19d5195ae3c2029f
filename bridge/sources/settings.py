"""One entry under ``mailboxes:``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import pydantic
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticKnownError, core_schema

from bridge import schema
from bridge.mail import limits
from bridge.oauth.settings import OAuth

Tls = Literal["implicit", "starttls", "none"]
Start = Literal["now", "unseen", "all"] | datetime.date
DEFAULT_PORT: dict[Tls, int] = {"implicit": 993, "starttls": 143, "none": 143}


def _each_once(folders: tuple[str, ...]) -> tuple[str, ...]:
    seen = set()
    for name in folders:
        key = "INBOX" if name.upper() == "INBOX" else name  # the only name without case (RFC 9051, section 5.1)
        if key in seen:
            raise ValueError(f'"{name}" stands here twice')
        seen.add(key)
    return folders


def _unless_oauth(password: pydantic.SecretStr | None, info: pydantic.ValidationInfo) -> pydantic.SecretStr | None:
    if password is None and info.data.get("oauth", "wrong") is None:
        raise PydanticKnownError("missing")
    return password


class Canary(schema.Model):
    """A mail that the bridge puts into the mailbox itself, to see that new mail is told of."""

    every: schema.PositiveDuration = pydantic.Field(900.0, description="How often.", examples=["15m"])
    folder: str | None = pydantic.Field(
        None, min_length=1, description="Where to: one of `folders`. Default: the first of them."
    )
    late: schema.PositiveDuration = pydantic.Field(
        60.0, description="One that is not told of within this time is lost: the folder's connection is made anew."
    )

    @pydantic.model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        if self.late >= self.every:
            raise schema.misplaced(
                "late", f"`late` ({self.late:g}s) must be shorter than `every` ({self.every:g}s): one canary at a time"
            )
        return self


def _switched(value: object) -> object:
    """``canary: true`` is one as it is by default."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Mailbox(schema.Model):
    """One account on one IMAP server, and the folders of it to watch."""

    planned: ClassVar[frozenset[str]] = frozenset({"trust", "smtp"})

    host: str = pydantic.Field(min_length=1, description="The IMAP server's name, as its certificate has it.")
    port: int | None = pydantic.Field(None, ge=1, le=65535, description="Default: 993; 143 with starttls or none.")
    tls: Tls = pydantic.Field("implicit", description="Certificates are always verified; `none` is for loopback only.")
    ca_file: Path | None = pydantic.Field(None, description="A CA to trust instead of the system's (PEM).")
    user: str = pydantic.Field(min_length=1)
    oauth: OAuth | None = pydantic.Field(None, description="Instead of a password; then run `mailwire login`.")
    password: Annotated[pydantic.SecretStr | None, pydantic.AfterValidator(_unless_oauth)] = pydantic.Field(
        None, validate_default=True
    )
    folders: Annotated[tuple[str, ...], pydantic.Field(min_length=1), pydantic.AfterValidator(_each_once)] = ("INBOX",)
    start: Start = pydantic.Field("now", description="At the first sight of a folder: now, unseen, all, or a date.")
    timeout: schema.PositiveDuration = pydantic.Field(30.0, description="The deadline of every answer of the server.")
    idle_renew: schema.PositiveDuration = pydantic.Field(
        240.0, description="IDLE is renewed this often: well inside NAT timeouts."
    )
    poll: schema.PositiveDuration = pydantic.Field(60.0, description="How often to look where the server has no IDLE.")
    reconcile: schema.PositiveDuration = pydantic.Field(
        300.0, description="How often to look beside IDLE, since servers lie."
    )
    retry_min: schema.PositiveDuration = pydantic.Field(
        1.0, description="The first wait after a lost connection; doubles, with jitter."
    )
    retry_max: schema.PositiveDuration = pydantic.Field(60.0, description="The longest wait between two tries.")
    retry_refused: schema.PositiveDuration = pydantic.Field(
        900.0, description="The wait after the server refused the credentials."
    )

    canary: Annotated[
        Canary | None, pydantic.BeforeValidator(_switched, json_schema_input_type=Canary | bool | None)
    ] = pydantic.Field(
        None, description="A mail to itself, again and again, to see that new mail is told of. Default: none."
    )

    @pydantic.model_validator(mode="after")
    def _canary_is_watched(self) -> Self:
        if self.canary is not None and self.canary.folder is not None and self.canary.folder not in self.folders:
            raise schema.misplaced("canary.folder", f"must be one of `folders`: {', '.join(self.folders)}")
        return self

    @pydantic.model_validator(mode="after")
    def _has_one_of_them(self) -> Self:
        if self.password is not None and self.oauth is not None:
            raise schema.misplaced("oauth", "either a password or oauth, not both")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: core_schema.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = super().__get_pydantic_json_schema__(core, handler)
        one = [{"required": [key]} for key in ("password", "password_file", "oauth")]
        handler.resolve_ref_schema(found)["allOf"] = [{"oneOf": one}]
        return found

    @property
    def canary_folder(self) -> str:
        """Where a canary goes, with or without one in the settings."""
        return (self.canary and self.canary.folder) or self.folders[0]

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or DEFAULT_PORT[self.tls]


class Limits(schema.Model):
    """What bounds the bridge as a whole."""

    connecting: int = pydantic.Field(
        16,
        ge=1,
        le=1000,
        description="Connections being made to one mail server at a time; one where it fails.",
    )
    connects_per_second: float = pydantic.Field(
        200.0, gt=0, le=100_000, description="Connections begun to all mail servers together."
    )
    attachment: schema.Size = pydantic.Field(
        limits.STREAMED_BYTES,
        ge=1,
        description="The most that an attached file may have: a larger one counts as not found.",
        examples=["256MB"],
    )
