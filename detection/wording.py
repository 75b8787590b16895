"""Wording of an alert: its name, its severity and its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from detection.rule import RULE, Variation
from providers import title_of

__all__ = [
    "COMMON_CAUSE",
    "Common",
    "Group",
    "Period",
    "Window",
    "cause_words",
    "group_sentence",
    "known_size",
    "outgrown",
    "printable",
    "sentence",
    "size",
    "variation",
]

COMMON_CAUSE = RULE.variations.common_cause
"""Name of the alert that stands for all users with a common cause on a day."""


def variation(*, suspicious: bool) -> Variation:
    """Return the alert's name and severity; the variation replaces both on the one alert."""
    return RULE.variations.suspicious_user if suspicious else RULE.plain


class Window(NamedTuple):
    """Figures of the alert's rarest window that the sentence names.

    A file counts once, however often it was saved; bytes are those of its largest known version; sized files are those
    where the size of every save is known. The estimate is for versions that were removed before their size was known,
    and part of no other figure; the baseline is over the user's active windows.
    """

    user: str
    providers: tuple[str, ...]
    start: datetime
    files: int
    sized_files: int
    bytes: int | None
    estimated_files: int
    estimated_bytes: int | None
    files_windows: int
    files_sum: int | None
    files_max: int | None
    bytes_windows: int
    bytes_sum: int | None
    bytes_max: int | None
    one_in: int
    population: str
    training_days: int
    saves: int = 0


class Period(NamedTuple):
    """Days that a long scale adds up, in place of a window: a file counts once a day.

    Attributes:
        start: Start of the first day, UTC.
        end: End of the last, exclusive.
        days: Days of the scale. Fewer are added up where an earlier alert reported what came before.
        largest_files: Files on the largest day.
        largest_bytes: Bytes on the day with most.
        before_files: Files in as many days of the scale before the start.
        before_bytes: Bytes likewise; None where no size is known.
    """

    start: datetime
    end: datetime
    days: int
    largest_files: int
    largest_bytes: int | None
    before_files: int
    before_bytes: int | None


_COMPARED = {
    "people": "user-days in the organisation",
    "newcomers": "user-days in the organisation",
    "watch_list": "user-days in the organisation",
    "services": "days of the organisation's service accounts",
}
"""Days that each population is compared with."""
_FEWEST = 2
"""Fewest days from which a rarity is computed; a source has fewer at first."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Return a number of bytes with a decimal unit, such as ``3.1 GB``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 99.95 else f"{value:.0f} {_UNITS[unit]}"


def _amount(files: int, sized: int, size_: int | None, saves: int = 0) -> str:
    count = f"{files:,} file{'' if files == 1 else 's'}"
    if saves > files:
        return f"{count} ({known_size(files, sized, size_)}, saved {saves:,} times)"
    if sized == 0 or size_ is None:
        return f"{count} (sizes unknown)"
    # If each file was saved once, files without a known size contribute none of these bytes.
    return f"{count} ({size(size_)}{f' in the {sized:,} whose size is known' if sized < files else ''})"


def known_size(files: int, sized: int, size_: int | None) -> str:
    """Return the known bytes of files, such as ``at least 3.1 GB, 2 of unknown size``.

    Args:
        files: How many files.
        sized: Files among them where the size of every save is known.
        size_: Bytes of the largest known version of each; None where no size is known.
    """
    if size_ is None:
        return "sizes unknown"
    return size(size_) if sized >= files else f"at least {size(size_)}, {files - sized:,} of unknown size"


def _estimate(w: Window) -> str:
    if not w.estimated_files or w.estimated_bytes is None:
        return ""
    one = w.estimated_files == 1
    lost = f"that {'is' if one else 'are'} gone"
    if w.saves > w.files:
        lost = f"deleted or overwritten before {'its' if one else 'their'} size was known"
    return f", and about {size(w.estimated_bytes)} more in {w.estimated_files:,} file{'' if one else 's'} {lost}"


def _usual(w: Window) -> str:
    if not w.files_windows or w.files_sum is None or w.files_max is None:
        return f"no upload by this user is on record in the {w.training_days} days before"
    mean = f"{w.files_sum / w.files_windows:,.1f}".removesuffix(".0")
    typical = f"{mean} file{'' if mean == '1' else 's'}"
    largest = f"{w.files_max:,} file{'' if w.files_max == 1 else 's'}"
    if w.bytes_windows and w.bytes_sum is not None and w.bytes_max is not None:
        typical += f" ({size(w.bytes_sum / w.bytes_windows)})"
        largest += f" and {size(w.bytes_max)}"
    windows = (
        f"{w.files_windows} active {RULE.periods.test_window_adjective} window{'' if w.files_windows == 1 else 's'}"
    )
    return f"in the {w.training_days} days before, {windows} held {typical} on average and {largest} at most"


def _rarity(w: Window) -> str:
    compared = _COMPARED[w.population]
    if w.one_in < _FEWEST:
        return f"too few {compared} are on record to say how rare that is"
    return f"only 1 in {w.one_in:,} {compared} is this unusual"


def printable(text: str) -> str:
    """Return a name for a sentence, with unprintable characters replaced."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _where(providers: Sequence[str]) -> str:
    return " and ".join(title_of(provider) for provider in providers)


def sentence(w: Window, period: Period | None = None) -> str:
    """Return one sentence: what, in which window, the average and the most before, and how rare it is.

    Args:
        w: The window's figures; of a long scale, those of the days that it adds up.
        period: These days, and what to compare them with; None for a test window.
    """
    if period is not None:
        return _long_sentence(w, period)
    return (
        f"In the {RULE.periods.test_window} from {w.start:%Y-%m-%d %H:%M} UTC, {printable(w.user)} uploaded "
        f"{_amount(w.files, w.sized_files, w.bytes, w.saves)} to {_where(w.providers)}{_estimate(w)}; {_usual(w)}, and "
        f"{_rarity(w)}."
    )


def _long_sentence(w: Window, p: Period) -> str:
    days = (p.end - p.start).days
    largest = f"{p.largest_files:,} file{'' if p.largest_files == 1 else 's'}"
    if p.largest_bytes:
        largest += f" and {size(p.largest_bytes)}"
    before = f"{p.before_files:,} file{'' if p.before_files == 1 else 's'}" if p.before_files else "none"
    if p.before_files and p.before_bytes is not None:
        before += f" ({size(p.before_bytes)})"
    since = "" if days == p.days else ", since what an earlier alert reported"
    return (
        f"In {days} day{'' if days == 1 else 's'} up to {p.end - timedelta(days=1):%Y-%m-%d}{since}, "
        f"{printable(w.user)} uploaded {_amount(w.files, w.sized_files, w.bytes, w.saves)} to {_where(w.providers)}"
        f"{_estimate(w)}, never more than {largest} on a day; in the {p.days} days before, {before}, and {_rarity(w)}."
    )


def outgrown(verdict: str, revision: int | None) -> str:
    """Return the words for a review that no longer stands, since its alert grew after that revision."""
    at = "" if revision is None else f" at revision {revision}"
    return f"reviewed as {verdict}{at}; has grown since"


class Common(NamedTuple):
    """Property that users of a group share.

    Attributes:
        dimension: provider, app, country or extension.
        label: Its value, as the provider writes it.
        users_share: Share of the users, 0 to 1, with a file of it.
        files_share: Share of their files, 0 to 1.
    """

    dimension: str
    label: str
    users_share: float
    files_share: float


class Group(NamedTuple):
    """Figures that the sentence of a group names; ``usual_users`` is how many with detections are usual on a day."""

    day: date
    users: int
    usual_users: float
    providers: Sequence[str]
    files: int
    sized_files: int
    bytes: int | None
    common: Sequence[Common]
    saves: int = 0


def _share(c: Common) -> str:
    label = title_of(c.label) if c.dimension == "provider" else printable(c.label) or "none"
    if c.users_share == c.files_share == 1:
        return f"{c.dimension} {label} (all)"
    return f"{c.dimension} {label} ({100 * c.users_share:.0f} % of the users, {100 * c.files_share:.0f} % of the files)"


def cause_words(cause: str) -> str:
    """Return a group's cause in words, such as ``Box, application Rclone``: the application's name, or its id."""
    provider, _, app = cause.partition("/")
    return (
        f"{title_of(provider)}, application {printable(app)}" if app else f"{title_of(provider)}, no application logged"
    )


def group_sentence(g: Group) -> str:
    """Describe what the users of a group did together, and what they have in common."""
    common = "; ".join(map(_share, g.common)) or "no provider, app, country or extension"
    return (
        f"On {g.day}, {g.users:,} users each uploaded so much with the same application that an alert would have "
        f"opened, where {g.usual_users:,.1f} a day are usual: together "
        f"{_amount(g.files, g.sized_files, g.bytes, g.saves)} to {_where(g.providers)}. In common: {common}."
    )
