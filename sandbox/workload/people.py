"""Members of the simulated organisation.

Belongs here: people with their office, habits, providers, clients and networks; service accounts and
guests. Addresses come from ranges reserved for documentation and benchmarks. Offices keep a fixed offset
to UTC the whole year.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.workload.format import PROVIDERS

__all__ = ["APPS", "SYNC_APP", "Network", "Office", "Organisation", "Person", "make_organisation"]

DOMAIN = "example.com"

APPS = {
    "box": ("Box Drive", "Box Web Application", "Box for iPhone", "Box for Office"),
    "dropbox": ("desktop", "web", "mobile"),
    "google_workspace": ("Google Drive for desktop", "Google Drive Web", "Google Drive for iOS"),
    "office365": ("OneDrive SyncEngine", "SharePoint Online Web", "Microsoft Teams", "Microsoft Office"),
}
"""Clients by provider, as its log names them (Dropbox logs only the kind of client)."""

SYNC_APP = APPS["office365"][0]
_APP_SHARES = {
    "box": (0.5, 0.35, 0.05, 0.1),
    "dropbox": (0.6, 0.32, 0.08),
    "google_workspace": (0.45, 0.5, 0.05),
    "office365": (0.46, 0.26, 0.16, 0.12),
}

# The main provider of people; with the second and third ones, each provider has at least a fifth of all.
_MAIN = {"box": 0.22, "dropbox": 0.2, "google_workspace": 0.26, "office365": 0.32}
_SECOND, _THIRD = 0.35, 0.04

_MOST = 50_000  # upper bound of the reserved addresses

_FIRST = (
    "ada", "ben", "carla", "dmitri", "elif", "farid", "grace", "hugo", "ines", "jonas", "kavya", "liam",
    "mira", "noah", "olga", "pavel", "quinn", "rosa", "samir", "tara", "uma", "victor", "wen", "xenia",
    "yusuf", "zoe", "anders", "bianca", "chen", "diego",
)  # fmt: skip
_LAST = (
    "adler", "brandt", "costa", "dubois", "eriksen", "fischer", "garcia", "haddad", "ivanova", "jensen",
    "kapoor", "lindner", "moreau", "novak", "okafor", "patel", "quist", "rossi", "schmidt", "tanaka",
    "ueda", "varga", "weber", "xu", "young", "ziegler",
)  # fmt: skip
_GUESTS = (
    ("box", "p.lang@lang-partner.example"),
    ("box", "studio@northlight.example"),
    ("dropbox", "m.ortiz@ortiz-design.example"),
    ("google_workspace", "audit@keller-audit.example"),
    ("google_workspace", "k.mori@mori-consult.example"),
    ("office365", "s.reed@reed-law.example"),
    ("office365", "contact@agency-nova.example"),
)

_DEPARTMENTS = {
    "Sales": (0.18, "office"),
    "Marketing": (0.11, "creative"),
    "Engineering": (0.2, "engineering"),
    "Finance": (0.08, "office"),
    "People": (0.05, "office"),
    "Legal": (0.05, "office"),
    "Operations": (0.13, "office"),
    "Design": (0.07, "creative"),
    "Support": (0.08, "office"),
    "Research": (0.05, "engineering"),
}


@dataclass(frozen=True)
class Office:
    """Place of work.

    Attributes:
        offset: Hours east of UTC.
        ip: The address the whole office shares.
    """

    country: str
    offset: float
    ip: str


_OFFICES = (
    (Office("DE", 1.0, "198.51.100.11"), 0.34),
    (Office("GB", 0.0, "198.51.100.12"), 0.18),
    (Office("US", -5.0, "198.51.100.13"), 0.2),
    (Office("US", -8.0, "198.51.100.14"), 0.08),
    (Office("IN", 5.5, "198.51.100.15"), 0.13),
    (Office("SG", 8.0, "198.51.100.16"), 0.07),
)


@dataclass(frozen=True)
class Persona:
    """Cloud activity of a kind of person.

    Attributes:
        share: Of all people.
        rate: Smallest and largest share of working days on which such a person is active.
        files: Median number of uploads in a session that has any.
    """

    share: float
    rate: tuple[float, float]
    files: float


PERSONAS = {
    "occasional": Persona(0.57, (0.05, 0.35), 1.8),
    "regular": Persona(0.31, (0.4, 0.8), 2.8),
    "heavy": Persona(0.11, (0.75, 0.95), 6.0),
    "video": Persona(0.01, (0.7, 0.9), 2.0),
}


@dataclass(frozen=True)
class Network:
    """An address and the country it is in."""

    ip: str
    country: str


@dataclass(frozen=True)
class Person:
    """A person, a guest or a shared account.

    Attributes:
        providers: The main one first.
        app: The client used at each provider.
        networks: The usual one first.
        rate: Share of working days on which the person is active.
        files: Median number of uploads in a session that has any.
        largeness: Factor for the sizes of the person's files.
        mix: Key of `sandbox.workload.files.MIXES`.
        offset: Hours east of UTC.
    """

    email: str
    name: str
    department: str
    persona: str
    providers: tuple[str, ...]
    app: dict[str, str]
    networks: tuple[Network, ...]
    rate: float
    files: float
    largeness: float
    mix: str
    offset: float

    @property
    def usual(self) -> Network:
        """The network the person is mostly seen on."""
        return self.networks[0]


@dataclass(frozen=True)
class Organisation:
    """Everybody with an account, by class."""

    people: tuple[Person, ...]
    guests: tuple[Person, ...]


def make_organisation(rng: np.random.Generator, people: int) -> Organisation:
    """Make an organisation of this size, with its guests."""
    if not 0 < people <= _MOST:
        raise ValueError(f"people must lie between 1 and {_MOST:,}, not {people:,}")
    names = rng.permutation(max(people, len(_FIRST) * len(_LAST)))
    main = _by_share(rng, _MAIN, people)
    personas = _by_share(rng, {name: persona.share for name, persona in PERSONAS.items()}, people)
    departments = _by_share(rng, {name: share for name, (share, _) in _DEPARTMENTS.items()}, people)
    offices = _by_share(rng, {str(i): share for i, (_, share) in enumerate(_OFFICES)}, people)
    members = tuple(
        _person(rng, index, int(names[index]), main=main[index], persona=personas[index],
                department=departments[index], office=_OFFICES[int(offices[index])][0])
        for index in range(people)
    )  # fmt: skip
    guests = tuple(
        Person(
            email, email.split("@", maxsplit=1)[0], "Operations", "guest", (provider,),
            {provider: APPS[provider][1]},
            (Network(f"203.0.113.{200 + number}", "DE"),), 0.12, 2.0, 1.0, "office", 1.0,
        )
        for number, (provider, email) in enumerate(_GUESTS)
    )  # fmt: skip
    return Organisation(members, guests)


def _by_share(rng: np.random.Generator, shares: dict[str, float], count: int) -> list[str]:
    """Distribute values in proportion to their shares (each at least once if `count` allows)."""
    total = sum(shares.values())
    edges = np.cumsum([share / total for share in shares.values()])
    chosen = np.searchsorted(edges[:-1], (np.arange(count) + 0.5) / count, side="right")
    names = list(shares)
    return [names[int(position)] for position in rng.permutation(chosen)]


def _person(
    rng: np.random.Generator,
    index: int,
    name: int,
    *,
    main: str,
    persona: str,
    department: str,
    office: Office,
) -> Person:
    first, last = _FIRST[name % len(_FIRST)], _LAST[name // len(_FIRST) % len(_LAST)]
    if namesakes := name // (len(_FIRST) * len(_LAST)):
        last = f"{last}{namesakes + 1}"
    low, high = PERSONAS[persona].rate
    others = [provider for provider in PROVIDERS if provider != main]
    extra = rng.permutation(others)
    draw = rng.random()
    count = 2 if draw < _THIRD else 1 if draw < _THIRD + _SECOND else 0
    providers = (main, *(str(provider) for provider in extra[:count]))
    home = f"198.18.{index // 250}.{1 + index % 250}"
    if rng.random() < 0.15:
        home = f"2001:db8:{index + 1:x}::{int(rng.integers(1, 0xFFFF)):x}"
    networks = (
        Network(office.ip, office.country),
        Network(home, office.country),
        Network(f"198.19.{index // 250}.{1 + index % 250}", office.country),
    )[: int(rng.integers(1, 4))]
    return Person(
        email=f"{first}.{last}@{DOMAIN}",
        name=f"{first.title()} {last.title()}",
        department=department,
        persona=persona,
        providers=providers,
        app={p: APPS[p][int(rng.choice(len(APPS[p]), p=_APP_SHARES[p]))] for p in providers},
        networks=networks,
        rate=float(low + (high - low) * rng.random() ** 1.5),
        files=float(PERSONAS[persona].files * np.exp(rng.normal(0, 0.5))),
        largeness=float(np.exp(rng.normal(0, 0.7))) if persona != "video" else 1.0,
        mix="video" if persona == "video" else _DEPARTMENTS[department][1],
        offset=office.offset,
    )
