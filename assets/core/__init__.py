"""Shared code of all assets: incremental refresh, code versions, lineage, partitions, resources and the fault seam.

Belongs here: code about Dagster that serves more than one asset. Does not belong here: an asset, a check, or
anything that works without Dagster (``lake`` and the rooms above it).
"""
