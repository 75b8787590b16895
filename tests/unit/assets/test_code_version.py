"""Causes that make a table stale: its own queries and settings, and no others."""

from __future__ import annotations

import pytest

from assets.core.code_version import queries, rules
from assets.core.resources import Detector
from detection.parameters import Parameters, settings_of
from detection.sql import parameters_of

TABLES = ("typical_sizes", "baselines", "scores", "thresholds", "detections", "evaluations", "alerts")


def detector_with(**changed: object) -> Detector:
    return Detector(**{**Parameters().model_dump(), **changed})


@pytest.mark.parametrize("setting", [name for name in Parameters.model_fields if name in Detector.model_fields])
def test_a_setting_makes_those_tables_stale_whose_queries_name_it(setting):
    """Prevents a list of settings beside the SQL, of which one is forgotten when a query names another."""
    default = getattr(Parameters(), setting)
    changed = detector_with(**{setting: default + 1})
    for table in TABLES:
        named = setting in settings_of(parameters_of(*queries(table)))
        stale = rules(table, Detector()) != rules(table, changed)
        assert stale == named, table


def test_a_query_has_its_settings_in_another_unit_too():
    """Prevents an activation of a week from leaving scores that were made with a fortnight."""
    assert settings_of(["activation", "training_start", "since"]) == ["activation_days", "training_days"]
