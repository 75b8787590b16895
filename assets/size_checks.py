"""The check of sizes: how many uploads have one that was measured, and what to do where too few do."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from assets.lake import Lake
from assets.refresh import range_of
from assets.sizes import coverage

__all__ = ["LEAST_SHARE", "size_coverage"]

LEAST_SHARE = 0.9
"""Share of the uploads that should have a measured size."""
_MEASURED = ("log", "recovered", "later_version")


def size_coverage(provider: str, *, sizes: bool) -> dg.AssetChecksDefinition:
    """The check of one provider's uploads.

    Args:
        provider: Name of the provider.
        sizes: Whether sizes are recovered; if not, the check passes.
    """

    @dg.asset_check(
        name="size_coverage",
        asset=[provider, "uploads"],
        description=(
            f"Where sizes are recovered: {LEAST_SHARE:.0%} or more of the uploads have a measured size, in the log or "
            "looked up."
        ),
    )
    def _check(context: dg.AssetCheckExecutionContext, lake: Lake, engine: DuckDBResource) -> dg.AssetCheckResult:
        with engine.get_connection() as con:
            lake.view(con, "uploads", [f"{provider}/uploads"], range_of(context))
            found = coverage(con)
        uploads = sum(source["files"] for source in found.values())
        measured = sum(found[source]["files"] for source in _MEASURED)
        passed = not sizes or measured >= LEAST_SHARE * uploads
        said = f"{measured:,.0f} of {uploads:,.0f} uploads have a measured size"
        if not sizes and measured < uploads:
            said += (
                ". Sizes are not recovered here: the others are detected by the number of files alone. To look sizes "
                "up, see the variable that ends in _RECOVER_SIZES in docs/configuration.md"
            )
        elif not passed:
            gone = found["gone"]["files"] + found["estimated"]["files"]
            said += f"; {_remedy(provider, found['unknown']['files'], gone)}"
        return dg.AssetCheckResult(
            passed=passed,
            description=f"{said}.",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"size coverage": dg.MetadataValue.json(found)},
        )

    return _check


def _remedy(provider: str, unknown: float, gone: float) -> str:
    """What to do, by the larger part of what is missing."""
    if gone > unknown:
        return (
            f"{gone:,.0f} files are gone. See who deletes them after the upload; if it is usual, let the schedule "
            "`tick` run more often"
        )
    return (
        f"{unknown:,.0f} are unknown. The metadata of {provider}/file_sizes tell what is left and why: where files "
        "were refused, check the permission in docs/configuration.md; where they are open, raise "
        "UPLOADWATCH_SIZE_MINUTES or the provider's requests per minute; where there is nobody to ask as, they stay "
        "unknown"
    )
