"""Entry of the allow-list as a form, as TOML, and as a line of the operator's file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from detection.allow_list import Entry, read
from dossier.sections.advice import toml_text
from lake.durable import replace_text
from lake.store import Lake

__all__ = ["FIELDS", "add_entry", "entry_fields", "entry_text", "parse_entry"]

FIELDS = tuple(Entry.model_fields)
"""Names of the form's fields, in the order of the file."""
_OPTIONAL = ("provider", "app", "app_id")
_FAULTS = {
    "user": "Name a person by address or by provider and id, or all of a domain by *@example.com.",
    "provider": "Choose a source of the list, or all.",
    "owner": "Name who is responsible.",
    "reason": "Say why the uploads are right.",
    "expires": "Write the last day as YYYY-MM-DD.",
    "app": "Leave it empty for all applications; one that ends with a mark needs a single user.",
}


def entry_fields(proposal: str) -> dict[str, str]:
    """Return the fields of a proposed entry, with owner and reason still to be given.

    Args:
        proposal: TOML of one entry, see :func:`dossier.sections.advice.allow_entry`.
    """
    [table] = tomllib.loads(proposal)["allow"]
    return {name: str(table.get(name, "")) for name in FIELDS} | {"owner": "", "reason": ""}


def parse_entry(given: Mapping[str, str]) -> tuple[Entry | None, dict[str, str]]:
    """Read an entry from a form.

    Returns:
        The entry, or None and by field what is wrong.
    """
    values: dict[str, object] = {name: given.get(name, "").strip() for name in FIELDS}
    for name in _OPTIONAL:
        values[name] = values[name] or None
    try:
        values["expires"] = date.fromisoformat(str(values["expires"]))
    except ValueError:
        return None, {"expires": _FAULTS["expires"]}
    try:
        return Entry.model_validate(values), {}
    except ValidationError as error:
        places = [str(each["loc"][0]) if each["loc"] else "app" for each in error.errors()]
        return None, {place: _FAULTS.get(place, "It has more than 200 characters.") for place in places}


def entry_text(entry: Entry, name: str) -> str:
    """Return an entry as TOML.

    Args:
        entry: The entry.
        name: Name of the person, for a comment: the entry may have the id of an account.
    """
    lines = [f"{name} = {toml_text(value)}" for name in FIELDS if (value := getattr(entry, name)) and name != "expires"]
    return "\n".join(["[[allow]]", f"# {toml_text(name)}", *lines, f"expires = {entry.expires}"]) + "\n"


def add_entry(lake: Lake, path: Path, entry: Entry, name: str) -> None:
    """Append an entry to the operator's file, whose other content stays as it is.

    Args:
        lake: The lake: one process at a time adds.
        path: The allow-list.
        entry: The entry.
        name: Name of the person, for a comment.

    Raises:
        AllowListError: The file cannot be used as it is; nothing is written.
        OSError: The file cannot be written.
    """
    with lake.alone("allow_list"):
        read(path)
        content = path.read_text(encoding="utf-8")
        gap = "" if not content or content.endswith("\n\n") else "\n" if content.endswith("\n") else "\n\n"
        mode = path.stat().st_mode
        replace_text(path, content + gap + entry_text(entry, name))
        path.chmod(mode)
