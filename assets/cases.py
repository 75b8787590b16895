"""``cases``: alerts of a person joined until somebody reviews them; what people read, and what the budget counts."""

from datetime import date
from functools import cache

import dagster as dg
import duckdb

from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of, window
from assets.core.refresh import Step, refresh
from assets.core.resources import Detector, Engine
from common.clock import Clock
from common.digests import text_digest
from detection.cases import pick_cases
from detection.rule import RULE
from lake.ledger import publish
from lake.store import Lake

__all__ = ["cases"]

_TABLE = "cases"


def cases(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the asset of cases."""

    @dg.asset(
        name=_TABLE,
        # A case also holds alerts of later days. They are left out here: with them no case would ever be up to date.
        deps=[dg.AssetDep("alerts", partition_mapping=window(-RULE.periods.case_days, 0))],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described(_TABLE),
    )
    def _asset(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: Engine,
        clock: dg.ResourceParam[Clock],
        detector: Detector,
    ) -> None:
        wanted = range_of(context)
        made_by = rules(_TABLE, detector)

        with engine.get_connection() as con:

            @cache
            def contents() -> dict[date, str]:
                # Published only under the table's lock: an overlapping run may change alerts before.
                publish(con, lake, clock.now())
                rows = con.execute(
                    "SELECT CAST(opened_at AS DATE), sha256(string_agg(CAST(c AS VARCHAR), '|' ORDER BY c.case_id)) "
                    "FROM cases c GROUP BY 1"
                ).fetchall()
                return dict(rows)

            def made_from(day: date) -> str:
                note = lake.note(_TABLE, day)
                if note and day not in wanted and not lake.parts("alerts", [day]):
                    # Retention removed its alerts, which does not make the case one that never was.
                    return note.made_from
                return text_digest(made_by, contents().get(day, ""))

            def compute(own: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
                own.register("told", pick_cases(con, day))
                own.execute("CREATE OR REPLACE TEMP TABLE day_cases AS FROM told")
                own.unregister("told")
                states = own.execute("SELECT state, count(*) FROM day_cases GROUP BY state ORDER BY state").fetchall()
                return {f"{state} cases": dg.MetadataValue.int(count) for state, count in states}

            # A review or a late alert may change a case however long ago it opened.
            former = [day for day in lake.days(_TABLE) if (note := lake.note(_TABLE, day)) and note.rows]
            refresh(
                context,
                lake,
                engine,
                Step(outputs={"day_cases": _TABLE}, made_from=made_from, compute=compute),
                also=former,
                upstream=["alerts"],
            )

    return _asset
