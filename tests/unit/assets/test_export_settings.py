"""Settings of exports and pseudonyms: what cannot be used is said, and the key stays out of sight."""

from __future__ import annotations

import base64

import pytest

from assets.exports import Exporter
from connectors import ConfigurationError
from orchestration.definitions import build_defs

KEY = base64.b64encode(bytes(range(64))).decode()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UPLOADWATCH_EXPORTS": "ocsf"}, "UPLOADWATCH_EXPORTS cannot be used: .*ocsf-json, ocsf-parquet, csv"),
        ({"UPLOADWATCH_EXPORTS": "csv,ocsf-parquet"}, "needs UPLOADWATCH_SECURITY_LAKE_REGION"),
        ({"UPLOADWATCH_SECURITY_LAKE_REGION": "../x"}, "UPLOADWATCH_SECURITY_LAKE_REGION cannot be used: "),
        ({"UPLOADWATCH_SECURITY_LAKE_ACCOUNT": "a/b"}, "UPLOADWATCH_SECURITY_LAKE_ACCOUNT cannot be used: "),
        ({"UPLOADWATCH_PSEUDONYMS": "true"}, "UPLOADWATCH_PSEUDONYM_KEY is not set"),
        ({"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": "c2hvcnQ="}, "KEY cannot be used: it is not"),
    ],
)
def test_what_cannot_be_used_is_said_when_the_definitions_load(variables, said, tmp_path):
    """Prevents exports that are silently not made, files outside of their directory, and names in place of tokens."""
    with pytest.raises(ConfigurationError, match=said) as error:
        build_defs({"UPLOADWATCH_HOME": str(tmp_path), **variables})
    assert variables.get("UPLOADWATCH_PSEUDONYM_KEY", "no key") not in str(error.value)


def test_the_key_is_named_and_not_shown(monkeypatch, tmp_path):
    """Prevents a key that can be read in the UI, or a resource that exports names for want of one."""
    monkeypatch.setenv("UPLOADWATCH_PSEUDONYM_KEY", KEY)
    variables = {
        "UPLOADWATCH_HOME": str(tmp_path),
        "UPLOADWATCH_EXPORTS": "csv",
        "UPLOADWATCH_PSEUDONYMS": "true",
        "UPLOADWATCH_PSEUDONYM_KEY": KEY,
    }
    exporter = build_defs(variables).resources["exporter"]
    assert isinstance(exporter, Exporter)
    assert KEY not in repr(exporter)
    assert exporter.pseudonym_key.env_var_name == "UPLOADWATCH_PSEUDONYM_KEY"
