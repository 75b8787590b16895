"""JSON schemas of the exported OCSF classes, taken from the library ``ocsf-json-schema``, which only this needs.

Run: ``python docs/write_ocsf_schema.py``, after another version of OCSF is chosen. A test compares them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "exports" / "data" / "ocsf"


def schema_texts() -> dict[str, str]:
    """Return the text of each class's file by its name."""
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema  # noqa: PLC0415 -- at development only

    from exports.files import CLASSES  # noqa: PLC0415 -- run as a script, the rooms are found only later
    from exports.ocsf_validation import VERSION  # noqa: PLC0415

    every = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
    texts = {}
    for kind in CLASSES:
        schema = every.get_class_schema(kind)
        # The library collects them in a set, so that their order differs from run to run.
        definitions = dict(sorted(schema.pop("$defs").items()))
        texts[f"{kind}.json"] = f'{_lines(schema)[:-2]},\n"$defs": {_lines(definitions)}}}\n'
    return texts


def _lines(members: Mapping[str, object]) -> str:
    """Return a JSON object with one member a line, so that a change of the schema can be read."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items()) + "\n}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
