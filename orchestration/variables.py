"""Every environment variable that a deployment reads, as ``docs/configuration.md`` lists it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic.fields import FieldInfo

from connectors import setting_fields
from notify.settings import CHANNEL_VARIABLES
from orchestration.access_settings import AccessSettings
from orchestration.env_file import ENV_FILE
from orchestration.logs import LOG_FORMAT
from orchestration.monitoring.heartbeat import HEARTBEAT_URL
from orchestration.pseudonymity import KEY
from orchestration.settings import PREFIX, Settings

__all__ = ["OTHERS", "Variable", "access_table", "channel_table", "deployment_table", "provider_table"]


class Variable(NamedTuple):
    """An environment variable.

    Attributes:
        name: Its name.
        default: Its default as it would be written; empty for none.
        description: Its meaning, as Markdown with links relative to ``docs/``.
        example: A usable value; empty if any would be a secret or the default is one.
        required: Whether a provider cannot do without it.
    """

    name: str
    default: str
    description: str
    example: str = ""
    required: bool = False


OTHERS = (
    Variable(
        "DAGSTER_HOME",
        "",
        "directory of Dagster's records and its `dagster.yaml`: [operations.md](operations.md#dagsters-storage)",
        "/var/lib/uploadwatch/dagster",
    ),
    Variable(
        ENV_FILE,
        ".env",
        "file of variables, read for those that the environment does not set",
        "/etc/uploadwatch/uploadwatch.env",
    ),
    Variable(KEY, "", "secret: 32, 48 or 64 bytes in Base64, the key of the [tokens](privacy.md#pseudonyms)"),
    Variable(
        HEARTBEAT_URL,
        "",
        "secret: address that `uploadwatch heartbeat` calls while all is well: "
        "[monitoring.md](monitoring.md#be-told-when-it-stops)",
    ),
    Variable(
        LOG_FORMAT,
        "text",
        "log lines of commands and scheduled runs: `text`, or one JSON object a line, `json`: "
        "[monitoring.md](monitoring.md#collect-the-logs)",
        "json",
    ),
    Variable(
        f"{PREFIX}CODE_HOST",
        "",
        "where the code server listens, in the deployment with several processes: [operations.md](operations.md)",
        "127.0.0.1",
    ),
    Variable(f"{PREFIX}CODE_PORT", "", "the same: its port", "4266"),
)
"""Variables of a deployment that are not settings of :class:`Settings`."""


def deployment_table() -> list[Variable]:
    """Return the variables of the deployment."""
    named = {f"{PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}
    return [*_variables(named), *OTHERS]


def access_table() -> list[Variable]:
    """Return the variables of access to the console."""
    return list(_variables({f"{PREFIX}{name.upper()}": field for name, field in AccessSettings.model_fields.items()}))


def channel_table() -> list[Variable]:
    """Return the variables of a channel of notifications, with ``<CHANNEL>`` in place of its name."""
    return [Variable(name, default, text, example) for name, default, text, example in CHANNEL_VARIABLES]


def provider_table(provider: str) -> list[Variable]:
    """Return the variables of a provider, the required ones first."""
    return sorted(_variables(setting_fields(provider)), key=lambda variable: not variable.required)


def _variables(named: Mapping[str, FieldInfo]) -> Iterator[Variable]:
    for name, field in named.items():
        examples: Iterable[object] = field.examples or ()
        example = next((str(each) for each in examples), "")
        default = "" if field.is_required() else _written(field.default)
        yield Variable(name, default, field.description or "", example, field.is_required())


def _written(value: object) -> str:
    """Return a default as an operator would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
