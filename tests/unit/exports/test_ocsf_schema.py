"""The shipped schemas of OCSF against the library that they are taken from."""

from __future__ import annotations

from docs.write_ocsf_schema import DIRECTORY, schema_texts
from exports.files import CLASSES
from exports.ocsf_validation import schema


def test_the_shipped_schemas_are_those_of_the_version() -> None:
    """Prevents rows from being checked against a schema that nobody published, or one of another version."""
    shipped = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}
    assert shipped == schema_texts(), "run: python docs/write_ocsf_schema.py"


def test_every_exported_class_has_a_schema() -> None:
    """Prevents a class that is exported and whose rows no schema checks."""
    assert all(schema(kind)["properties"]["class_uid"] for kind in CLASSES)
