"""With which rules and inputs a partition was made, of days that a run makes beside its range.

Dagster notes this itself for the partitions of a run's range, and shows by it which are stale. A day that late events
or a changed rule reach is reported by the asset, which so has to note it as Dagster would.
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

__all__ = ["provenance"]

_NONE = "INITIAL"
"""Dagster's data version of what was never made."""


def provenance(context: dg.AssetExecutionContext, key: dg.AssetKey, content: str) -> dict[str, str]:
    """Tags of a materialisation that is reported.

    Args:
        context: The run.
        key: Asset that the run makes.
        content: Digest of the partition's content.
    """
    spec = context.assets_def.specs_by_key[key]
    tags = {CODE_VERSION_TAG: spec.code_version or context.run.run_id, DATA_VERSION_TAG: content}
    for dep in spec.deps:
        name = dep.asset_key.to_user_string()
        latest = context.instance.fetch_materializations(dep.asset_key, limit=1).records
        made = latest[0].event_log_entry.tags or {} if latest else {}
        tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{name}"] = made.get(DATA_VERSION_TAG, _NONE)
        tags[f"{INPUT_EVENT_POINTER_TAG_PREFIX}/{name}"] = str(latest[0].storage_id) if latest else NULL_EVENT_POINTER
    return tags
