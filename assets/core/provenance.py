"""Provenance of partitions that a run makes outside its range: their rules and inputs.

Dagster records this itself for the partitions of a run's range, to find stale ones. Days outside the range, changed by
late events or by another rule, are reported by the asset, which has to record the same tags.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
    NULL_EVENT_POINTER,
)

__all__ = ["Provenance"]

_NONE = "INITIAL"
"""Dagster's data version of an asset that was never materialised."""


class Provenance:
    """Source of the tags for the materialisations that a step reports.

    Other steps' results are looked up once, as Dagster does for a run's own range: a look-up may take longer than
    computing a day.

    Args:
        context: The run.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._others: dict[dg.AssetKey, tuple[str, str]] = {}

    def tags(self, key: dg.AssetKey, content: str) -> dict[str, str]:
        """Return the tags of one materialisation.

        Args:
            key: Asset that the run makes.
            content: Digest of the partition's content.
        """
        spec = self._context.assets_def.specs_by_key[key]
        tags = {CODE_VERSION_TAG: spec.code_version or self._context.run.run_id, DATA_VERSION_TAG: content}
        for dep in spec.deps:
            name = dep.asset_key.to_user_string()
            version, pointer = self._latest(dep.asset_key)
            tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{name}"] = version
            tags[f"{INPUT_EVENT_POINTER_TAG_PREFIX}/{name}"] = pointer
        return tags

    def _latest(self, key: dg.AssetKey) -> tuple[str, str]:
        """Return the data version and the storage id of an asset's latest materialisation."""
        if key in self._others:
            return self._others[key]
        latest = self._context.instance.fetch_materializations(key, limit=1).records
        made = latest[0].event_log_entry.tags or {} if latest else {}
        found = made.get(DATA_VERSION_TAG, _NONE), str(latest[0].storage_id) if latest else NULL_EVENT_POINTER
        if key not in self._context.assets_def.specs_by_key:
            self._others[key] = found
        return found
