"""Pages ``docs/providers/operations_<provider>.md``, made from the files that decide what operations mean.

Run ``python -m detection.normalise.reference`` to write them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from detection.normalise.operations import IRRELEVANT, read_rows
from providers import PROVIDERS

__all__ = ["PAGES", "page"]

PAGES = Path(__file__).parents[2] / "docs" / "providers"
"""Directory of the pages in a checkout."""

_CONDITIONS = {
    "file": "about a file",
    "locked": "the account was locked",
    "disabled": "it was disabled",
    "public": "open to the public",
    "outsiders": "with somebody outside the team",
    "external": "an item gets visible outside",
    "alert": "the rule raises an alert",
    "failed": "the error code says so",
    "status zero": "`LoginStatus` is 0",
    "guest": "with a guest",
    "second factor off": "`ModifiedProperties` switch it off",
}
_SUBJECTS = {
    "target": "the account it is done to",
    "affected": "the account named in it",
    "context": "the member concerned",
    "concerned": "the member concerned, never who acted",
    "owner": "the device's owner",
    "alert": "the account warned of",
}


def page(provider: str) -> str:
    """Return the page of one provider, as Markdown.

    Args:
        provider: A key of :data:`providers.PROVIDERS`.
    """
    rows = read_rows(provider)
    lines = [
        f"# {PROVIDERS[provider].title}: what each operation is here",
        "",
        f"Made by `python -m detection.normalise.reference` of `detection/data/operations/{provider}.csv`; change that "
        f"file, not this page. Source: {PROVIDERS[provider].operations_source}.",
        "",
        f"{len(rows)} operations are decided. One that is not here is *unknown*: it counts as nothing, and the check "
        "`schema` and `uploadwatch classify` name it.",
        "",
        "## Counted",
        "",
        *_counted(rows),
        "",
        "## Ignored",
        "",
        *_ignored(rows),
    ]
    for table in PROVIDERS[provider].operation_tables:
        lines += ["", *_FURTHER[table]()]
    return "\n".join(lines) + "\n"


def _counted(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield "| operation | is | if | whose | note |"
    yield "|---|---|---|---|---|"
    for keys, names in _grouped(rows, counted=True).items():
        meaning, only_if, otherwise, subject, note = keys
        when = _CONDITIONS[only_if] if only_if else ""
        if otherwise and otherwise not in IRRELEVANT:
            when += f"; else `{otherwise}`"
        whose = _SUBJECTS[subject] if subject else ""
        yield f"| {', '.join(names)} | `{meaning}` | {when} | {whose} | {note} |"


def _ignored(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield "| why | operations |"
    yield "|---|---|"
    for (meaning, _, _, _, note), names in _grouped(rows, counted=False).items():
        yield f"| {note or 'copy on the server: no new bytes' if meaning == 'copy' else note} | {', '.join(names)} |"


def _grouped(rows: Sequence[Mapping[str, str]], *, counted: bool) -> dict[tuple[str, ...], list[str]]:
    """Return operations with the same decision, grouped and in the order of the kinds."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(rows, key=lambda row: row["meaning"]):
        if (row["meaning"] not in IRRELEVANT) == counted:
            keys = tuple(row[key] for key in ("meaning", "only_if", "otherwise", "subject", "note"))
            application = f"{row['application']}: " if row.get("application") else ""
            name = "all" if row["operation"] == "*" else f"`{row['operation']}`"
            found.setdefault(keys, []).append(f"{application}{name}")
    return found


def _record_types() -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for row in read_rows("office365_record_types"):
        found.setdefault(row["note"], []).append(f"{row['name']} ({row['number']})")
    yield "## Record types"
    yield ""
    yield "Of an operation that is not listed, the type of its record decides; of a type for alerts, always."
    yield ""
    yield "| what | record types |"
    yield "|---|---|"
    yield from (f"| {note} | {', '.join(names)} |" for note, names in found.items())


def _sign_in_errors() -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in sorted(read_rows("office365_sign_in_errors"), key=lambda row: row["meaning"]):
        found.setdefault((row["meaning"], row["detail"]), []).append(row["code"])
    yield "## Codes of `UserLoginFailed`"
    yield ""
    yield (
        "Only `sign_in_failed` counts as a guess at a password. A code that is not here does not, and is named; nor "
        "does a failure without a code."
    )
    yield ""
    yield "| is | because | codes |"
    yield "|---|---|---|"
    yield from (f"| `{meaning}` | {detail} | {', '.join(codes)} |" for (meaning, detail), codes in found.items())


_FURTHER = {"record_types": _record_types, "sign_in_errors": _sign_in_errors}


def main() -> None:
    """Write the pages of all providers."""
    for provider in PROVIDERS:
        (PAGES / f"operations_{provider}.md").write_text(page(provider), encoding="utf-8")


if __name__ == "__main__":
    main()
