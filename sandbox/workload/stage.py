"""Stage of a scenario: the organisation, its ordinary events, the cast, and props.

Belongs here: choosing users that no other scene uses, and making the events of an upload burst or a sign.
The scenes themselves are `sandbox.workload.scenarios` and `sandbox.workload.lookalikes`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import numpy as np

from sandbox.workload.events import DAY, HOUR, MINUTE, Events, Integers, Texts
from sandbox.workload.files import archive_names, draw_classes, draw_names, draw_sizes
from sandbox.workload.format import Label
from sandbox.workload.people import Network, Organisation, Person

__all__ = ["Entry", "Scene", "Stage", "as_datetime", "spread"]

_ELSEWHERE = ("BR", "VN", "RO", "NG", "UA", "ID", "EG", "KZ")
_ENOUGH = 300
"""Number of people that is enough for the cast of every scene."""
_STEMS = ("export", "backup", "archive", "data", "projects", "share", "old-laptop", "q4")


@dataclass(frozen=True, eq=False)
class Scene:
    """Result of a scenario.

    Attributes:
        events: To be added to the ordinary ones.
        labels: Labels of the incidents, without incident ids; the programme sets these.
        silent: (email, from, until) in UTC ms: ordinary events of that user that did not happen.
    """

    events: Events
    labels: tuple[Label, ...]
    silent: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Entry:
    """One line of a programme.

    Attributes:
        play: The scenario.
        providers: Its providers.
        earliest: First day (0 is the workload's first) on which it may begin.
        span: Days it takes.
        latest: Last day on which it may begin; None leaves that to the length of the workload.
    """

    play: "Callable[[Stage, int, tuple[str, ...]], Scene]"
    providers: tuple[str, ...]
    earliest: int = 16
    span: int = 2
    latest: int | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """The organisation on which scenes are played.

    Attributes:
        rng: Randomness of the scene at hand.
        start: First midnight of the workload, UTC ms.
        days: Length of the workload.
        taken: Emails that a scene already uses.
        uploads: Rows of the ordinary uploads and edits by (email, provider), ordered by time.
    """

    rng: np.random.Generator
    organisation: Organisation
    ordinary: Events
    start: int
    days: int
    taken: set[str] = field(default_factory=set)
    uploads: dict[tuple[str, str], Integers] = field(default_factory=dict)

    @classmethod
    def set_up(cls, organisation: Organisation, ordinary: Events, start: int, days: int) -> Self:
        """Make a stage for all scenes of a workload; `ordinary` is sorted by time."""
        rows: dict[tuple[str, str], list[int]] = {}
        for row in np.flatnonzero((ordinary.kind == "upload") | (ordinary.kind == "edit")):
            rows.setdefault((ordinary.user[row], ordinary.provider[row]), []).append(int(row))
        uploads = {key: np.array(positions, dtype=np.int64) for key, positions in rows.items()}
        return cls(np.random.default_rng(0), organisation, ordinary, start, days, uploads=uploads)

    def for_scene(self, rng: np.random.Generator) -> Self:
        """Return the same stage with the randomness of one scene; the cast stays shared."""
        return replace(self, rng=rng)

    @property
    def end(self) -> int:
        """First midnight after the workload, UTC ms."""
        return self.start + self.days * DAY

    def pick(
        self,
        providers: tuple[str, ...],
        *,
        before: int,
        personas: tuple[str, ...] = ("occasional", "regular"),
        fits: Callable[[Person], bool] = lambda person: True,
    ) -> Person:
        """Choose a user of these providers that no other scene uses.

        Args:
            providers: The user has an account at each, and uploaded to the first before.
            before: UTC ms until which that upload counts.
            personas: Kinds of people to choose from.
            fits: A further condition.

        Raises:
            ValueError: No suitable user is left.
        """
        able = [
            person
            for person in self.organisation.people
            if person.persona in personas
            and len(self._rows(person, providers[0], before)) > 0
            and person.email not in self.taken
            and set(providers) <= set(person.providers)
            and fits(person)
        ]
        if not able:
            people = len(self.organisation.people)
            raise ValueError(
                f"nobody of {people} people is left at {' and '.join(providers)} for a scene: make a workload of "
                f"{_ENOUGH} people or more"
            )
        person = able[int(self.rng.integers(len(able)))]
        self.taken.add(person.email)
        return person

    def uploads_of(self, person: Person, provider: str, before: int) -> Events:
        """Return the user's ordinary uploads and edits at a provider before a time, ordered by time."""
        return self.ordinary.take(self._rows(person, provider, before))

    def _rows(self, person: Person, provider: str, before: int) -> Integers:
        rows = self.uploads.get((person.email, provider), np.zeros(0, dtype=np.int64))
        until = int(np.searchsorted(self.ordinary.time, before))
        return rows[: int(np.searchsorted(rows, until))]

    def moment(self, day: int, person: Person, low: float = 8, high: float = 19) -> int:
        """Draw a moment of that UTC day between two of the person's local hours, UTC ms."""
        hour = (self.rng.uniform(low, high) - person.offset) % 24
        return self.start + day * DAY + int(hour * HOUR)

    def stranger(self) -> Network:
        """Draw a network that nobody in the organisation ever used, in a country without an office."""
        host = 1 + int(self.rng.integers(250))
        return Network(f"192.0.2.{host}", _ELSEWHERE[int(self.rng.integers(len(_ELSEWHERE)))])

    def upload(
        self,
        person: Person,
        provider: str,
        times: Integers,
        *,
        names: Texts,
        sizes: Integers,
        folder: str | Texts,
        network: Network | None = None,
        app: str | None = None,
    ) -> Events:
        """Make uploads of a user, from the usual network and client unless others are given."""
        seen = network or person.usual
        return Events.make(
            times, provider=provider, kind="upload", user=person.email, file_name=names, folder=folder,
            bytes=sizes, ip=seen.ip, country=seen.country, app=app or person.app[provider],
        )  # fmt: skip

    def archives(
        self,
        person: Person,
        provider: str,
        at: int,
        network: Network | None = None,
    ) -> Events:
        """Upload 2 to 12 archives, 1 to 20 GB together, within two hours from `at`."""
        count = int(self.rng.integers(2, 13))
        whole = int(np.exp(self.rng.uniform(np.log(1e9), np.log(20e9))))
        sizes = np.full(count, whole // count)
        sizes[-1] = max(1, int(sizes[-1] * self.rng.uniform(0.2, 0.9)))
        gaps = self.rng.uniform(1, 9, count) * MINUTE
        stem = f"{self.rng.choice(_STEMS)}-{self.rng.integers(100, 1000)}"
        names = archive_names(stem, count, str(self.rng.choice(["7z", "zip", "rar"])))
        times = at + np.cumsum(gaps).astype(np.int64)
        return self.upload(
            person, provider, times, names=names, sizes=sizes, folder=f"/{person.name}/Private",
            network=network,
        )  # fmt: skip

    def many(
        self,
        person: Person,
        provider: str,
        at: int,
        count: int,
        minutes: float,
        *,
        folder: str = "",
        network: Network | None = None,
        app: str | None = None,
        total: int = 0,
    ) -> Events:
        """Upload a number of ordinary-looking files, spread over some minutes from `at`.

        They have `total` bytes together; 0 leaves their sizes as drawn.
        """
        classes = draw_classes(self.rng, np.full(count, "office", dtype=object))
        sizes = draw_sizes(self.rng, classes)
        if total:
            even = np.sqrt(sizes.astype(np.float64))  # keeps one huge file from dominating the sum
            sizes = np.maximum(1, even / even.sum() * total).astype(np.int64)
        times = at + np.sort(self.rng.uniform(0, minutes * MINUTE, count)).astype(np.int64)
        names = draw_names(self.rng, classes, 5_000 + np.arange(count))
        return self.upload(
            person, provider, times, names=names, sizes=sizes, folder=folder or f"/{person.name}/Copies",
            network=network, app=app,
        )  # fmt: skip

    def sign(
        self,
        person: Person,
        provider: str,
        kind: str,
        times: int | list[int],
        network: Network | None = None,
    ) -> Events:
        """Make sign-ins, failed ones and other signs of a user, from the usual network unless another is given."""
        seen = network or person.usual
        return Events.make(
            times, provider=provider, kind=kind, user=person.email, ip=seen.ip, country=seen.country,
            app=person.app[provider],
        )  # fmt: skip

    def label(
        self,
        play: Callable[..., Scene],
        person: Person,
        events: Events,
        *,
        expected: str,
        note: str,
        malicious: bool = True,
    ) -> Label:
        """Make the label of a scene: its time range is that of the uploads among the events."""
        carries = np.isin(events.kind.astype(str), ("upload", "edit"))
        uploads = events.take(carries)
        return Label(
            incident_id="",
            scenario=play.__name__,
            malicious=malicious,
            expected=expected,
            users=person.email.lower(),
            providers="+".join(sorted(set(uploads.provider))),
            start=as_datetime(int(uploads.time.min())),
            end=as_datetime(int(uploads.time.max())),
            note=note,
        )


def as_datetime(time: int) -> datetime:
    """Convert UTC ms to a datetime of whole seconds."""
    return datetime.fromtimestamp(time // 1_000, tz=UTC)


def spread(index: int, entry: Entry, days: int) -> int:
    """Choose the day of the index-th entry so that scenes lie evenly over the days (golden ratio)."""
    last = days - entry.span if entry.latest is None else entry.latest
    room = max(1, last - entry.earliest)
    return entry.earliest + int((0.5 + index * 0.6180339887) % 1 * room)
