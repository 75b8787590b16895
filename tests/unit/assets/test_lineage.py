"""Definitions of each asset: lineage of columns, code, rules, owner and kind."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest

from assets.core.code_version import MADE_BY, dependencies_of
from assets.core.lineage import SOURCES, made_from
from connectors import variables
from detection.tables import TABLES
from orchestration.definitions import build_defs
from providers import PROVIDERS

CREDENTIALS = {
    "BOX_CLIENT_ID": "a",
    "BOX_CLIENT_SECRET": "b",
    "BOX_ENTERPRISE_ID": "1",
    "BOX_RECOVER_SIZES": "true",
    "DROPBOX_APP_KEY": "a",
    "DROPBOX_APP_SECRET": "b",
    "DROPBOX_REFRESH_TOKEN": "c",
}
SETTLED = {
    "thresholds": {"metric", "budget", "opened", "allowed", "balance", "asked", "calibration_days"} | {"confidence"},
    "recent_sums": {"scope"},
    "period_sums": {"scope"},
    "scores": {"allowed_by"},
    "detections": {"parameters", "rules"},
    "alerts": {"name", "severity"},
    "cases": {"state", "verdict", "reviewed_by", "reviewed_at"},
    "file_sizes": {"state", "bytes", "modified_at", "checked_at"},
}
"""Columns that settings, reviews or the provider's answers decide, and no column does."""


@pytest.fixture(scope="module")
def specs(tmp_path_factory) -> dict[str, dg.AssetSpec]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        defs = build_defs({**CREDENTIALS, "UPLOADWATCH_HOME": str(tmp_path_factory.mktemp("home"))})
        return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_every_table_with_rules_is_an_asset(tmp_path: Path):
    """Prevents a table whose asset is written and tested, and never made, since no definitions hold it."""
    values = {name: "1" for source in PROVIDERS for name in variables(source)}
    every = {**values, **{name: "true" for name in values if name.endswith("_RECOVER_SIZES")}}
    defs = build_defs({**every, "UPLOADWATCH_EXPORTS": "csv", "UPLOADWATCH_HOME": str(tmp_path)})
    made = {spec.key.path[-1] for spec in defs.resolve_all_asset_specs()}
    # A store of the step that makes typical_sizes.
    assert made == {*MADE_BY, "audit_events"} - {"measured_sizes"}


@pytest.mark.parametrize("table", SOURCES)
def test_columns_are_made_from_columns_that_exist(table):
    """Prevents a lineage that leads to a column that was renamed, or leaves a column without an origin."""
    found = made_from(table)
    for ways in found.values():
        for source, column in ways:
            assert column in {each.name for each in TABLES[source]}, f"{source} has no {column}"
    assert {column.name for column in TABLES[table]} - set(found) == SETTLED.get(table, set())


def test_lineage_leads_along_the_graph(specs):
    """Prevents a lineage from another provider's table, or from one that the asset does not read."""
    uploads = specs["box/uploads"].metadata["dagster/column_lineage"].deps_by_column
    assert [dep.asset_key.path for dep in uploads["bytes"]] == [["box", "file_sizes"], ["box", "logged_uploads"]]
    # Dropbox looks no sizes up here.
    other = specs["dropbox/uploads"].metadata["dagster/column_lineage"].deps_by_column
    assert [dep.asset_key.path for dep in other["bytes"]] == [["dropbox", "logged_uploads"]]
    hours = specs["user_hours"].metadata["dagster/column_lineage"].deps_by_column
    assert [dep.asset_key.path for dep in hours["saves"]] == [["box", "uploads"], ["dropbox", "uploads"]]
    for name, spec in specs.items():
        lineage = spec.metadata.get("dagster/column_lineage")
        read = {dep.asset_key for dep in spec.deps}
        for column, deps in lineage.deps_by_column.items() if lineage else ():
            for dep in deps:
                assert dep.asset_key in read, f"{name}.{column} is made from {dep.asset_key}, which it does not read"


STAGES = ["collect", "normalise", "baseline", "detect", "respond"]


def test_the_graph_reads_from_left_to_right(specs):
    """Prevents groups with arrows in both directions, which the UI draws as a heap of grey boxes."""
    for spec in specs.values():
        for dep in spec.deps:
            read = specs[dep.asset_key.to_user_string()]
            assert STAGES.index(read.group_name) <= STAGES.index(spec.group_name), (read.key, spec.key)
    assert {spec.group_name for spec in specs.values()} == {*STAGES}


def test_tables_that_name_people_are_tagged(specs):
    """Prevents a table of addresses that no filter for personal data finds in the catalog."""
    for spec in specs.values():
        table = spec.key.path[-1]
        named = {column.name for column in TABLES.get(table, ())} & {"user", "actor_key", "address", "file_name"}
        if named or table in {"audit_events", "exports", "dossiers"}:
            assert spec.tags.get("pii") == "true", (table, named)
    assert "pii" not in specs["thresholds"].tags


def test_every_asset_is_explained(specs):
    """Prevents an asset without a description, an owner, a kind, a version of its rules, or a way to its code."""
    for name, spec in specs.items():
        assert spec.description, name
        assert spec.owners, name
        assert spec.kinds, name
        assert (spec.code_version is None) == name.endswith("audit_events"), name
        references = spec.metadata["dagster/code_references"].code_references
        paths = [Path(reference.file_path) for reference in references]
        assert all(path.is_file() for path in paths), name
        assert any(path.suffix == ".py" for path in paths), name
        if not name.endswith(("audit_events", "evaluations")):
            assert any(path.suffix == ".sql" for path in paths), name
        assert all(column.description for column in spec.metadata["dagster/column_schema"].columns), name
        assert spec.metadata["dagster/column_schema"].columns, name
        assert spec.freshness_policy is not None


APART = {
    # Publication and reviews: what people were shown is no partition.
    *("identity", "largest_members", "revisions", "shown", "persons/alerts", "persons/relabelled"),
    # What has been imported stays as it was told apart then.
    "normalise/identities",
    # Of the command classify, and of figures in the metadata.
    *("normalise/outcomes", "sizes/coverage"),
    # Retention: who may be removed.
    "persons/forgettable",
    # Of the console, which tries entries of the allow-list.
    "suppressed_alerts",
}
"""Queries whose change makes no partition of an asset stale."""


def test_every_query_belongs_to_the_rules_of_a_table():
    """Prevents a query that is changed without any partition being shown as stale: a new one has to be named."""
    folder = Path(str(files("detection").joinpath("sql")))
    there = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.sql")}
    named = {query for table in MADE_BY for provider in PROVIDERS for query in dependencies_of(table, provider).queries}
    assert there - named - APART == set()
    assert there >= APART
