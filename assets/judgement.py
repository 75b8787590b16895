"""``baselines`` to ``causes``: what is usual, how unusual a window is, what is over the threshold, and why.

One asset function for all, since a day's baselines leave out what was detected on the days before: the days are a
chain, and each goes through all steps before the next begins.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache

import dagster as dg
import duckdb

from assets.core.code_version import rules
from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, window
from assets.core.refresh import Step, refresh
from assets.core.resources import Detector, Engine
from detection.allow_list import digest
from detection.chain import add_up, calibrate, detect, learn, score
from detection.dependencies import dependencies
from detection.watch_list import listed_on
from lake.coverage import create_evaluations, create_sources, evaluations, first_days
from lake.days import DAY, TRAINING_DAYS, case_days, cause_days, charged_days, past, period_days, score_days
from lake.people import People
from lake.reviews import reviews_digest, view_reviews
from lake.sources import known_sources
from lake.store import Lake

__all__ = ["judgement", "view_sums"]


def judgement(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets of baselines, scores, thresholds, detections, and of what was evaluated."""
    hours = dg.AssetDep("user_hours", partition_mapping=window(-TRAINING_DAYS, 1))
    deps: dict[str, list[dg.AssetDep | str]] = {
        "baselines": [hours],
        "recent_sums": [hours],
        "scores": [hours, "baselines", "recent_sums"],
        "period_sums": [hours, "recent_sums"],
        "thresholds": ["scores", "baselines"],
        "detections": [hours, "scores", "thresholds", "baselines"],
        "causes": ["detections", "thresholds"],
        "evaluations": [hours, "scores", "thresholds", "baselines"],
    }

    @dg.multi_asset(
        name="judgement",
        specs=[dg.AssetSpec(table, deps=deps[table], partitions_def=partitions, **described(table)) for table in deps],
        backfill_policy=SINGLE_RUN,
    )
    # No annotation of what it gives: Dagster refuses None for several outputs.
    def _asset(  # type: ignore[no-untyped-def]
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], engine: Engine, detector: Detector
    ):
        sources = known_sources(lake, providers)
        steps = _steps(lake, sources, detector, detector.people(lake))
        refresh(context, lake, engine, *steps, upstream=["user_hours"])

    return _asset


class _Lists:
    """Operator's lists as they are at the start of a run, and digests of what they mean on a day."""

    def __init__(self, detector: Detector, people: People) -> None:
        self.entries, self.listed = detector.entries(), detector.listed()
        self._named = cache(lambda name, first_only: people.named(name, first_only=first_only))

    def allowed(self, day: date) -> str:
        """Return a digest of the allow-list; empty where no entry applies."""
        # Whom the entries mean: an address that somebody gets, or got, may make it another person.
        found = digest(self.entries, day)
        return found and f"{found}{[self._named(entry.user, True) for entry in self.entries]}"

    def watched(self, day: date) -> str:
        """Return the persons on the risk list as a text; empty where there are none."""
        names = listed_on(self.listed, day)
        return str([self._named(name, False) for name in names]) if names else ""


def _steps(lake: Lake, providers: Sequence[str], detector: Detector, people: People) -> list[Step]:
    parameters = detector.parameters
    lists = _Lists(detector, people)

    @cache
    def began() -> dict[str, date]:
        # Not before its turn has come: a run that overlaps may land earlier days meanwhile.
        return first_days(lake, providers)

    entries, listed = lists.entries, lists.listed

    def learned_from(day: date) -> str:
        before = lake.digest(["period_sums"], period_days(day), str(began()), lists.allowed(day))
        tables = ["user_hours", "detections"]
        return lake.digest(tables, past(day, parameters), rules("baselines", detector), before)

    def baselines(con: duckdb.DuckDBPyConnection, day: date) -> None:
        people.load_into(con)
        view_sums(con, lake, past(day, parameters))
        people.view(con, lake, "past_detections", ["detections"], past(day, parameters))
        people.view(con, lake, "past_period_sums", ["period_sums"], period_days(day), dated=True)
        create_sources(con, began())
        learn(con, day, parameters, entries)

    def scored_from(day: date) -> str:
        sums = lake.digest(["baselines", "recent_sums"], [day])
        hours = [day, day + DAY]
        return lake.digest(["user_hours"], hours, rules("scores", detector), sums, str(began()), lists.allowed(day))

    def scores(con: duckdb.DuckDBPyConnection, day: date) -> None:
        people.load_into(con)
        lake.view(con, "user_hours", ["user_hours"], [day, day + DAY])
        for table in ("baselines", "recent_sums"):
            lake.view(con, table, [table], [day])
        create_sources(con, began())
        score(con, day, parameters, entries)

    def calibrated_from(day: date) -> str:
        read = {
            "thresholds": charged_days(day),
            "causes": cause_days(day),
            "scores": score_days(day),
            "detections": case_days(day, parameters),
            "baselines": past(day, parameters),
        }
        watched = lists.watched(day - DAY)
        return _digest(lake, read, rules("thresholds", detector), str(began()), reviews_digest(lake, day), watched)

    def thresholds(con: duckdb.DuckDBPyConnection, day: date) -> None:
        people.load_into(con)
        people.view(con, lake, "past_scores", ["scores"], score_days(day))
        for table in ("baselines", "detections"):
            people.view(con, lake, f"past_{table}", [table], past(day, parameters))
        people.view(con, lake, "case_detections", ["detections"], case_days(day, parameters))
        lake.view(con, "last_baselines", ["baselines"], [day - DAY])
        lake.view(con, "charged_thresholds", ["thresholds"], charged_days(day), dated=True)
        lake.view(con, "past_thresholds", ["thresholds"], past(day, parameters))
        lake.view(con, "past_causes", ["causes"], cause_days(day), dated=True)
        view_reviews(con, lake)
        create_sources(con, began())
        calibrate(con, day, parameters, listed)

    def detected_from(day: date) -> str:
        judged = {"thresholds": [day], "baselines": [day], "scores": [*score_days(day), day], "causes": cause_days(day)}
        watched = evaluations(lake, providers, began(), day, parameters)
        stored = parameters.model_dump_json() + rules("evaluations", detector)
        return _digest(lake, judged, rules("detections", detector), str(watched), stored, lists.watched(day))

    def detections(con: duckdb.DuckDBPyConnection, day: date) -> None:
        people.load_into(con)
        for table in ("scores", "thresholds", "baselines"):
            lake.view(con, table, [table], [day])
        people.view(con, lake, "past_scores", ["scores"], score_days(day))
        lake.view(con, "past_causes", ["causes"], cause_days(day), dated=True)
        create_sources(con, began())
        detect(con, day, parameters, listed)
        create_evaluations(con, evaluations(lake, providers, began(), day, parameters))

    return [
        Step({"baselines": "baselines", "recent_sums": "recent_sums"}, learned_from, baselines),
        Step({"scores": "scores", "period_sums": "period_sums"}, scored_from, scores),
        Step({"thresholds": "thresholds"}, calibrated_from, thresholds),
        Step({"detections": "detections", "causes": "causes", "evaluations": "evaluations"}, detected_from, detections),
    ]


def _digest(lake: Lake, read: Mapping[str, Sequence[date]], *more: str) -> str:
    """Return a digest of the days of several tables, and of texts."""
    return lake.digest([], [], *(lake.digest([table], days) for table, days in read.items()), *more)


def view_sums(con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date]) -> None:
    """Make ``user_hours`` and ``day_sums`` of these days readable; write missing or outdated sums.

    They are no asset but a store of this step, which a day of a lake that does not have them yet gets here, too.
    """
    uploaded_on = [day for day in days if lake.parts("user_hours", [day])]
    for day in uploaded_on:
        made_from = lake.digest(["user_hours"], [day], dependencies(add_up).digest)
        note = lake.note("day_sums", day)
        if note is None or note.made_from != made_from:
            lake.view(con, "user_hours", ["user_hours"], [day])
            add_up(con, table="added_up")
            lake.write(con, "added_up", "day_sums", day, made_from)
    for table in ("day_sums", "user_hours"):
        lake.view(con, table, [table], uploaded_on)
