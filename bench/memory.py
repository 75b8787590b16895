"""Benchmark of the memory of every step of a run over a day of very many uploads, with exports and a hard limit.

A short history of a small organisation lands as raw files, and then one day of so many uploads, by one user or by very
many, as a provider gives them. A process in a control group of its own (version 1 or 2; this needs root) runs the
product's own job over that day with all export formats on. Only the requests to the provider are left out: their
answers go to disk page by page. A thread reads the process's memory fifty times a second, and the kernel
ends the process at the limit. Without a control group, the limit is not enforced but compared afterwards; the result
says so.

Run: ``python -m bench.memory [--uploads N] [--users N] [--provider P] [--limit MIB] [--json]``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.resources import Detector
from connectors import Page
from detection.parameters import Parameters
from lake.landing import land
from lake.manifest import Manifest
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags

__all__ = ["DAY", "environment", "land_day", "land_history", "main", "measure", "run_days"]

FIRST = date(2026, 1, 5)
HISTORY = 5
"""Days before the one that is measured, so that the detector is past its activation."""
DAY = FIRST + timedelta(days=HISTORY)
_PAGE = 10_000
_SAMPLE_SECONDS = 0.02
_MIB = 1 << 20


class Early(Detector):
    """The detector with a history of a few days instead of a fortnight."""

    @property
    def parameters(self) -> Parameters:
        """Return parameters that need less history."""
        return super().parameters.model_copy(update={"activation_days": 3, "warm_up_days": 1, "least_user_days": 30})


def _box(key: str, moment: datetime, user: int, number: int) -> str:
    person = f'{{"type":"user","id":"{10_000_000 + user}","name":"User {user}","login":"user{user}@example.com"}}'
    return (
        f'{{"source":{{"item_type":"file","item_id":"{700_000_000_000 + number}","item_name":"Report {number:09}.xlsx",'
        f'"parent":{{"type":"folder","name":"Folder {number % 997}","id":"{number % 997}"}},"owned_by":{person}}},'
        f'"created_by":{person},"created_at":"{moment:%Y-%m-%dT%H:%M:%S}+00:00","event_id":"{key}",'
        f'"event_type":"UPLOAD","ip_address":"198.51.{user % 100}.{number % 250}","type":"event",'
        f'"additional_details":{{"size":{1000 + number % 9_999_991},"version_id":"{number}",'
        '"service_name":"Box Drive"}}'
    )


def _dropbox(key: str, moment: datetime, user: int, number: int) -> str:
    member = (
        f'{{".tag":"team_member","account_id":"dbid:{user:035}","email":"user{user}@example.com",'
        f'"display_name":"User {user}","team_member_id":"dbmid:{user:034}"}}'
    )
    path = f"/Folder {number % 997}/Report {number:09}.xlsx"
    return (
        f'{{"timestamp":"{moment:%Y-%m-%dT%H:%M:%S}Z","actor":{{".tag":"user","user":{member}}},"context":{member},'
        f'"origin":{{"geo_location":{{"ip_address":"198.51.{user % 100}.{number % 250}","country":"US"}}}},'
        f'"assets":[{{".tag":"file","path":{{"contextual":"{path}","namespace_relative":{{"ns_id":"1",'
        f'"relative_path":"{path}"}}}},"display_name":"Report {number:09}.xlsx","file_id":"id:{key}",'
        f'"file_size":{1000 + number % 9_999_991}}}],"event_type":{{".tag":"file_add"}},'
        '"details":{".tag":"file_add_details"},"involve_non_team_member":false}'
    )


def _office365(key: str, moment: datetime, user: int, number: int) -> str:
    site = f"https://example-my.sharepoint.com/personal/user{user}_example_com/"
    return (
        f'{{"CreationTime":"{moment:%Y-%m-%dT%H:%M:%S}","Id":"{key}","Operation":"FileUploaded","RecordType":6,'
        f'"UserKey":"i:0h.f|membership|{user:016x}@live.com","UserType":0,"Workload":"OneDrive",'
        f'"ClientIP":"198.51.{user % 100}.{number % 250}","UserId":"user{user}@example.com","ItemType":"File",'
        f'"ListItemUniqueId":"{number:032x}","Site":"{user:032x}","ListId":"{user:032x}","SiteUrl":"{site}",'
        f'"SourceRelativeUrl":"Documents/Folder {number % 997}","SourceFileName":"Report {number:09}.xlsx",'
        f'"SourceFileExtension":"xlsx","ObjectId":"{site}Documents/Report {number:09}.xlsx",'
        f'"FileSizeBytes":{1000 + number % 9_999_991}}}'
    )


_EVENTS = {"box": _box, "dropbox": _dropbox, "office365": _office365}
"""A provider for each way of reading events: with ids and in order, without ids, and with separate saves."""


def land_day(lake: Path, provider: str, day: date, uploads: int, users: int) -> None:
    """Land a day of uploads, spread evenly over its hours and its users, as pulled long after its end.

    Args:
        lake: Root of the lake.
        provider: Whose events they are.
        day: The day.
        uploads: How many.
        users: By how many users.
    """
    start = datetime.combine(day, datetime.min.time(), UTC)
    manifest = Manifest(lake / provider / "audit_events" / f"day={day}")

    def pages(numbers: range) -> Iterator[Page]:
        for at in range(numbers.start, numbers.stop, _PAGE):
            lines = []
            for number in range(at, min(at + _PAGE, numbers.stop)):
                moment = start + timedelta(seconds=number * 86_400 // uploads)
                key = hashlib.md5(f"{day}{number}".encode(), usedforsecurity=False).hexdigest()
                lines.append(_EVENTS[provider](key, moment, number % users, number))
            yield Page(("\n".join(lines) + "\n").encode())

    for hour in range(24):
        begin = start + timedelta(hours=hour)
        numbers = range(uploads * hour // 24, uploads * (hour + 1) // 24)
        land(manifest, begin, begin + timedelta(hours=1), pages(numbers), now=start + timedelta(days=20))


def land_history(lake: Path, provider: str) -> None:
    """Land the days before the measured one: a small organisation in which everybody uploads a little."""
    for n in range(HISTORY):
        land_day(lake, provider, FIRST + timedelta(days=n), 4_000, 200)


def environment(home: Path, provider: str) -> dict[str, str]:
    """Return the variables of a deployment of one provider, whose credentials are never used."""
    credentials = {
        "box": ("BOX_CLIENT_ID", "BOX_CLIENT_SECRET", "BOX_ENTERPRISE_ID"),
        "dropbox": ("DROPBOX_APP_KEY", "DROPBOX_APP_SECRET", "DROPBOX_REFRESH_TOKEN"),
        "office365": ("OFFICE365_CLIENT_ID", "OFFICE365_CLIENT_SECRET", "OFFICE365_TENANT_ID"),
    }
    return {
        **dict.fromkeys(credentials[provider], "1"),
        f"{provider.upper()}_RECOVER_SIZES": "false",
        "UPLOADWATCH_EXPORTS": "ocsf-json,ocsf-parquet,csv",
        "UPLOADWATCH_SECURITY_LAKE_REGION": "eu-central-1",
        "UPLOADWATCH_HOME": str(home),
        "UPLOADWATCH_START_DATE": FIRST.isoformat(),
        "UPLOADWATCH_END_DATE": (DAY + timedelta(days=1)).isoformat(),
        "UPLOADWATCH_NOW": datetime.combine(DAY + timedelta(days=1), datetime.min.time(), UTC).isoformat(),
    }


def run_days(values: Mapping[str, str], first: date, last: date) -> list[tuple[str, float, float]]:
    """Run the product's job over some days, without requests to the provider.

    Returns:
        Each step with the times at which it began and ended, in seconds since 1970.

    Raises:
        RuntimeError: A step failed.
    """
    defs = build_defs(values, resource_overrides={"detector": Early()})
    job = defs.resolve_job_def(JOB)
    keys = [key for key in job.asset_layer.selected_asset_keys if key.path[-1] != "audit_events"]
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags=range_tags(first, last),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        times: dict[str, list[float]] = {}
        for entry in instance.all_logs(result.run_id):
            event = entry.dagster_event
            if event and event.is_step_event and event.step_key:
                times.setdefault(event.step_key, []).append(entry.timestamp)
        failed = [
            f"{event.step_key}: {event.step_failure_data.error}" for event in result.all_events if event.is_step_failure
        ]
    if failed:
        raise RuntimeError("\n".join(failed))
    return [(step, min(at), max(at)) for step, at in times.items()]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_measured(values: Mapping[str, str], out: Path) -> None:
    """Run the history and then the day, and write the memory of each step of the day.

    What is known is written while the run goes on: the kernel may end it.
    """
    run_days(values, FIRST, DAY - timedelta(days=1))
    samples: list[tuple[float, int]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            samples.append((time.time(), _resident()))
            if len(samples) % 50 == 0:
                out.write_text(json.dumps({"peak_mib": max(size for _, size in samples) // _MIB}), encoding="utf-8")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        steps = run_days(values, DAY, DAY)
    finally:
        ended.set()
        thread.join()
    taken = {
        step: [max((size for at, size in samples if began <= at <= end), default=0) // _MIB, round(end - began, 1)]
        for step, began, end in steps
    }
    peak = max(size for _, size in samples) // _MIB
    out.write_text(json.dumps({"peak_mib": peak, "steps": taken}), encoding="utf-8")


@contextmanager
def limited(limit_bytes: int) -> Iterator[tuple[Path | None, Path | None]]:
    """Make a control group with a memory limit; yield it and its file of counts, or None if that is impossible."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, place = line.split(":", 2)
        version_1 = "memory" in controllers.split(",")
        if not version_1 and controllers:
            continue
        root = Path("/sys/fs/cgroup/memory" if version_1 else "/sys/fs/cgroup")
        # In version 2 a group that has processes can't limit the groups below it.
        parent = root / place.lstrip("/") if version_1 else root
        group = parent / f"uploadwatch-bench-{os.getpid()}"
        try:
            group.mkdir()
            (group / ("memory.limit_in_bytes" if version_1 else "memory.max")).write_text(str(limit_bytes))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        try:
            yield group, group / ("memory.oom_control" if version_1 else "memory.events")
        finally:
            with suppress(OSError):
                group.rmdir()
        return
    yield None, None


def measure(uploads: int, users: int, provider: str, limit_mib: int) -> dict[str, Any]:
    """Land the history and the day, and run the job over it inside the limit.

    Returns:
        Whether it ``finished``, ``peak_mib``, the peak of each step in MiB with its seconds, ``enforced`` (whether the
        kernel would have ended it at the limit), and what was made.
    """
    with tempfile.TemporaryDirectory() as directory, limited(limit_mib * _MIB) as (group, _):
        home = Path(directory) / "home"
        land_history(home / "lake", provider)
        land_day(home / "lake", provider, DAY, uploads, users)
        out = Path(directory) / "measured.json"
        code = f"echo $$ > {group}/cgroup.procs && " if group else ""
        done = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'{code}exec "$0" "$@"',
                sys.executable,
                "-m",
                "bench.memory",
                "--run",
                str(out),
                provider,
            ],
            env={**os.environ, **environment(home, provider)},
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        files = [path for path in (home / "exports").rglob("part-*") if path.is_file()]
        return {
            "provider": provider,
            "uploads": uploads,
            "users": users,
            "limit_mib": limit_mib,
            "enforced": group is not None,
            "finished": done.returncode == 0 and found.get("peak_mib", 0) <= limit_mib,
            "ended": "" if done.returncode == 0 else f"code {done.returncode}: {done.stderr.strip()[-2000:]}",
            "peak_mib": found.get("peak_mib"),
            "steps": found.get("steps", {}),
            "exported_files": len(files),
            "exported_mib": sum(path.stat().st_size for path in files) // _MIB,
        }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, nargs="+", default=[1, 200_000])
    parser.add_argument("--provider", choices=sorted(_EVENTS), default="box")
    parser.add_argument("--limit", type=int, default=1536, help="MiB")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--run", nargs=2, metavar=("FILE", "PROVIDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_measured(os.environ, Path(options.run[0]))
        return
    shapes = [measure(options.uploads, users, options.provider, options.limit) for users in options.users]
    if options.json:
        print(json.dumps({"shapes": shapes}))
        return
    for shape in shapes:
        what = "finished" if shape["finished"] else f"DID NOT FINISH: {shape['ended']}"
        print(
            f"{shape['uploads']:,} {shape['provider']} uploads by {shape['users']:,} users, "
            f"limit {shape['limit_mib']} MiB{'' if shape['enforced'] else ' (not enforced)'}: {what}, "
            f"peak {shape['peak_mib']} MiB"
        )
        for step, (peak, seconds) in shape["steps"].items():
            print(f"  {step:40} {peak:6} MiB {seconds:8.1f} s")


if __name__ == "__main__":
    main()
