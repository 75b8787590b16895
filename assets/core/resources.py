"""Resources of the assets: the clock, the engine, the provider's connector, the detector's settings, the pages."""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from common.clock import Clock
from connectors import Connector, Limits, build
from detection import allow_list as allow_lists
from detection.geoip import read_geography
from detection.parameters import Parameters
from detection.persons import MappedAccount, read_persons
from detection.risk import ListedUser, Networks, read_networks, read_risk_list
from detection.sensitive import Term, read_terms
from detection.sql import ENGINE
from detection.suspicion import Watch
from lake.engine import bound
from lake.people import People, find_people
from lake.store import Lake
from privacy.pseudonyms import Pseudonyms

__all__ = ["ClockResource", "Detector", "Engine", "LakeResource", "Pages", "Source"]


class LakeResource(dg.ConfigurableResource[Lake]):
    """Resource of the lake: assets get a :class:`lake.store.Lake`, which knows nothing of Dagster.

    Attributes:
        root: Directory of the lake.
    """

    root: str

    def create_resource(self, context: dg.InitResourceContext) -> Lake:
        """Return the lake."""
        return Lake(root=self.root)


class ClockResource(dg.ConfigurableResource[Clock]):
    """Resource of the clock: assets get a :class:`common.clock.Clock`.

    Attributes:
        fixed: ISO 8601 time that stands for now, for replays of history; empty for the real time.
    """

    fixed: str = ""

    def create_resource(self, context: dg.InitResourceContext) -> Clock:
        """Return the clock."""
        return Clock(fixed=self.fixed)


class Engine(DuckDBResource):
    """DuckDB in memory, one database for all steps of a run's process: opening one takes longer than most queries.

    Each connection sees its own temporary tables and views. Create nothing else with it: what is not temporary,
    including Python functions, would be visible to every other step.

    Attributes:
        home: Directory of the deployment, in which it spills what exceeds its share of the memory. Empty: DuckDB's own
            limit and directory.
    """

    home: str = ""
    database: str = ":memory:uploadwatch"
    connection_config: dict[str, Any] = Field(default_factory=lambda: dict(ENGINE))
    _held: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Hold the database open until the run ends, since it closes with its last connection; limit its memory."""
        con = self._held.enter_context(self.get_connection())
        if self.home:
            bound(con, Path(self.home))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the database."""
        self._held.close()


class Source(dg.ConfigurableResource[None]):
    """One provider's audit API.

    Attributes:
        provider: Name of the provider.
        environment: Its variables as the connector names them; each given as an ``EnvVar``.
        limits: Directory through which all runs share the provider's quotas.
    """

    provider: str
    environment: dict[str, str]
    limits: str

    def connector(self, clock: Clock, stop: threading.Event | None = None) -> Connector:
        """Return a connector that signs in when first used.

        Args:
            clock: The clock.
            stop: Once it is set, waiting requests raise ``connectors.StoppedError``.
        """
        return build(self.provider, self.environment, now=clock.now, limits=Limits(Path(self.limits), stop))


class Detector(dg.ConfigurableResource[None]):
    """The detector's settings that an operator chooses; the others keep the values of the reference.

    Attributes:
        budget: Cases per 1000 monitored users and day.
        weekly_budget: Cases a week in all, in place of that; None where they depend on the users.
        service_budget: The same for service accounts and apps.
        organisation_domains: Mail domains of the organisation; users of others are guests. Empty: not distinguished.
        reasons_off: Risk indicators that are disabled.
        risk_list: File of users to watch; empty for none.
        networks: File of networks of Tor, of hosting providers and of the organisation's own; empty for none.
        geoip_country: Database of the countries of addresses, in MaxMind's format; empty for none.
        geoip_asn: The same of autonomous systems.
        allow_list: Path of the allow-list; empty for none.
        persons: File that maps accounts to persons; empty for none.
    """

    budget: float = 2.0
    weekly_budget: float | None = None
    service_budget: float = 20.0
    organisation_domains: list[str] = Field(default_factory=list)
    reasons_off: list[str] = Field(default_factory=list)
    risk_list: str = ""
    networks: str = ""
    geoip_country: str = ""
    geoip_asn: str = ""
    allow_list: str = ""
    persons: str = ""

    def entries(self) -> list[allow_lists.Entry]:
        """Read the entries of the allow-list from the file as it is now.

        Raises:
            AllowListError: The file cannot be used. Steps without it, such as pulling, go on.
        """
        return allow_lists.read(Path(self.allow_list)) if self.allow_list else []

    def mapped(self) -> list[MappedAccount]:
        """Read the operator's file of persons as it is now.

        Raises:
            detection.operator_files.OperatorFileError: The file can't be used; says what to do.
        """
        return read_persons(Path(self.persons)) if self.persons else []

    def people(self, lake: Lake) -> People:
        """Resolve accounts to persons from the lake and the operator's file.

        Raises:
            detection.operator_files.OperatorFileError: The file can't be used; says what to do.
        """
        return find_people(lake, organisation_domains=self.organisation_domains, mapped=self.mapped())

    @property
    def parameters(self) -> Parameters:
        """All parameters of the rules."""
        return Parameters(budget=self.budget, weekly_budget=self.weekly_budget, service_budget=self.service_budget)

    def watch(self) -> Watch:
        """Return the operator's risk indicator settings; read the files at each call, so that each run sees changes.

        Raises:
            detection.operator_files.OperatorFileError: A file can't be used; says what to do.
        """
        return Watch(
            off=self.reasons_off,
            risk_list=self.listed(),
            networks=self.known_networks(),
        )

    def listed(self) -> list[ListedUser]:
        """Read the operator's risk list as it is now.

        Raises:
            detection.operator_files.OperatorFileError: The file can't be used; says what to do.
        """
        return read_risk_list(Path(self.risk_list)) if self.risk_list else []

    def known_networks(self) -> Networks:
        """Read the operator's files of networks and countries as they are now.

        Raises:
            detection.operator_files.OperatorFileError: A file can't be used; says what to do.
        """
        places = read_geography(*(Path(name) if name else None for name in (self.geoip_country, self.geoip_asn)))
        return read_networks(Path(self.networks) if self.networks else None, places)


class Pages(dg.ConfigurableResource[None]):
    """Operator's settings for the pages of alerts.

    Attributes:
        url: Address of the console; empty if the pages are opened as files.
        sensitive: File of what may be sensitive; empty for the product's own.
        pseudonym_key: Key that turns names into tokens, given as an ``EnvVar``; empty leaves names unchanged.
    """

    url: str = ""
    sensitive: str = ""
    pseudonym_key: str = ""

    def pseudonyms(self) -> Pseudonyms | None:
        """Return the maker of tokens for names; None leaves names unchanged.

        Raises:
            privacy.pseudonyms.KeyFormatError: The key cannot be used.
        """
        return Pseudonyms(self.pseudonym_key) if self.pseudonym_key else None

    def terms(self) -> list[Term]:
        """Read the dictionary of what may be sensitive from the file as it is now.

        Raises:
            detection.operator_files.OperatorFileError: The file can't be used; says what to do.
        """
        return read_terms(Path(self.sensitive) if self.sensitive else None)
