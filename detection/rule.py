"""Rule of the alert: name, severity, periods, ATT&CK, texts and risk indicators, from ``detection/rules``.

The file is read and validated once, when the process starts: a rule with an error raises no alert.
"""

from __future__ import annotations

import tomllib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from providers import PROVIDERS

__all__ = [
    "RULE",
    "SEVERITIES",
    "Attack",
    "FalsePositive",
    "Indicator",
    "Periods",
    "Rule",
    "RuleError",
    "Severity",
    "Strength",
    "Subject",
    "Variation",
    "read_rule",
]

Severity = Literal["Informational", "Low", "Medium", "High", "Critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Severities that a rule may have, lowest first; OCSF numbers them in this order from 1."""
Strength = Literal["strong", "weak"]
Subject = Literal["alerts", "account", "credentials", "place", "client", "time", "downloads", "shares", "files"]
Step = Literal["compromise", "sensitive", "authorised", "types", "afterwards"]
FalsePositive = Literal[
    "migration", "service_job", "new_client", "newcomer", "recordings", "backup", "large_files", "tidy_up", "project"
]

_HOURS = 24
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class RuleError(ValueError):
    """Error of a rule file that cannot be used; says what is wrong, and where."""


def _known_provider(name: object) -> object:
    if name not in PROVIDERS:
        raise ValueError(f"no source is called {name}; the sources are {', '.join(PROVIDERS)}")
    return name


_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Provider = Annotated[str, BeforeValidator(_known_provider)]


class _Part(BaseModel):
    """Part of a rule, without missing or unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Periods(_Part):
    """Periods of the rule.

    Attributes:
        activation_days: A source raises no alert before this many days of its history exist.
        training_days: How far back a baseline and the calibration of thresholds look.
        test_window_hours: Length of the sliding window that is compared with the baseline.
        deduplication_hours: Detections that start within this time of an alert's opening fold into it.
        case_days: A person's alerts form one case until it is reviewed, and for this long at most.
        quiet_days: Days without activity after which an account is dormant; an account younger than this is new.
    """

    activation_days: int = Field(ge=1, le=365)
    training_days: int = Field(ge=1, le=365)
    test_window_hours: int = Field(ge=1, le=_HOURS)
    deduplication_hours: int = Field(ge=1, le=_HOURS * 30)
    case_days: int = Field(ge=1, le=30)
    quiet_days: int = Field(ge=1, le=365)

    @model_validator(mode="after")
    def _divides_the_day(self) -> Periods:
        if _HOURS % self.test_window_hours:
            raise ValueError(f"test_window_hours ({self.test_window_hours}) must divide the day, as 3 does")
        return self

    @property
    def test_window(self) -> str:
        """Return the test window in words, such as ``three hours``."""
        return f"{_in_words(self.test_window_hours)} hour{'' if self.test_window_hours == 1 else 's'}"

    @property
    def test_window_adjective(self) -> str:
        """Return the test window as an adjective, such as ``three-hour``."""
        return f"{_in_words(self.test_window_hours)}-hour"

    @property
    def deduplication(self) -> str:
        """Return the deduplication period in words, such as ``a day``."""
        days, hours = divmod(self.deduplication_hours, _HOURS)
        if not hours:
            return "a day" if days == 1 else f"{_in_words(days)} days"
        return "an hour" if self.deduplication_hours == 1 else f"{_in_words(self.deduplication_hours)} hours"


class Variation(_Part):
    """Name and severity under which an alert is shown."""

    name: _Text
    severity: Severity


class _Variations(_Part):
    """Variations of the alert."""

    suspicious_user: Variation
    common_cause: Variation


class _Entry(_Part):
    """Entry of ATT&CK."""

    uid: str = Field(pattern=r"^(TA\d{4}|T\d{4}(\.\d{3})?)$")
    name: _Text


class Attack(_Part):
    """Tactic of ATT&CK with its technique."""

    tactic: _Entry
    technique: _Entry
    sub_technique: _Entry

    @model_validator(mode="after")
    def _of_one_technique(self) -> Attack:
        if not self.sub_technique.uid.startswith(f"{self.technique.uid}."):
            raise ValueError(f"{self.sub_technique.uid} is not a sub-technique of {self.technique.uid}")
        return self


class Indicator(_Part):
    """Risk indicator.

    Attributes:
        strength: A strong one suffices for the variation.
        about: Its subject. Weak indicators about one subject usually show one fact twice, such as a new country and
            a new network in it, so they count once.
        when: When it applies, as shown to people.
        includes: Indicators that show the same fact, and do not count beside this one.
    """

    strength: Strength
    about: Subject
    when: _Text
    includes: tuple[str, ...] = ()


class Rule(_Part):
    """Rule, as ``detection/rules/massive_upload.toml`` explains it."""

    id: str = Field(pattern=r"^[a-z][a-z_]*$")
    name: _Text
    severity: Severity
    kind: _Text
    module: _Text
    description: _Text
    goal: _Text
    data_sources: tuple[_Provider, ...] = Field(min_length=1)
    periods: Periods
    variations: _Variations
    attacks: tuple[Attack, ...] = Field(min_length=1)
    investigation_steps: dict[Step, _Text]
    false_positives: dict[FalsePositive, _Text]
    risk_indicators: dict[str, Indicator] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        for field, kind, found in (
            ("investigation_steps", Step, self.investigation_steps),
            ("false_positives", FalsePositive, self.false_positives),
        ):
            if missing := [name for name in get_args(kind) if name not in found]:
                raise ValueError(f"{field} lacks {', '.join(missing)}")
        for name, indicator in self.risk_indicators.items():
            if unknown := set(indicator.includes) - set(self.risk_indicators):
                raise ValueError(f"risk_indicators.{name} includes {', '.join(sorted(unknown))}, which is not declared")
        return self

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Return the severities that an alert of this rule can have, lowest first."""
        used = {self.severity, self.variations.suspicious_user.severity, self.variations.common_cause.severity}
        return tuple(severity for severity in SEVERITIES if severity in used)

    @property
    def plain(self) -> Variation:
        """Return name and severity of the alert without a variation."""
        return Variation(name=self.name, severity=self.severity)


def _in_words(number: int) -> str:
    return _WORDS[number - 1] if number <= len(_WORDS) else str(number)


def _filled(value: object, given: dict[str, object], path: str) -> object:
    """Return a value of the file with the periods filled into its texts."""
    if isinstance(value, dict):
        return {key: _filled(each, given, f"{path}.{key}" if path else key) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, given, path) for each in value]
    if isinstance(value, str):
        try:
            return value.format(**given)
        except (KeyError, IndexError, ValueError):
            raise RuleError(f"{path}: unknown placeholder; known are {', '.join(sorted(given))}") from None
    return value


def read_rule(path: Path) -> Rule:
    """Read a rule file, and fill the periods into its texts.

    Raises:
        RuleError: It cannot be read, or has missing, unknown or invalid values.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        periods = Periods.model_validate(content.get("periods", {}))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"The rule {path} cannot be read: {error}.") from None
    except ValidationError as error:
        raise RuleError(_rule_error_text(path, error, "periods")) from None
    given: dict[str, object] = {
        **periods.model_dump(),
        "test_window": periods.test_window,
        "test_window_adjective": periods.test_window_adjective,
        "deduplication": periods.deduplication,
    }
    try:
        return Rule.model_validate(_filled(content, given, ""))
    except ValidationError as error:
        raise RuleError(_rule_error_text(path, error)) from None
    except RuleError as error:
        raise RuleError(f"The rule {path} cannot be used: {error}. Correct it.") from None


def _rule_error_text(path: Path, error: ValidationError, within: str = "") -> str:
    faults = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(each) for each in ((within,) if within else ()) + fault["loc"]) or "the rule"
        faults.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}")
    return f"The rule {path} cannot be used: {'; '.join(faults)}. Correct it."


def _shipped() -> Rule:
    with as_file(files("detection").joinpath("rules", "massive_upload.toml")) as path:
        return read_rule(path)


RULE = _shipped()
"""Rule of this product."""
