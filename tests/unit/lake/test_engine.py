"""Memory limit of the process's databases, and the place where they put the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lake.engine import SPILL, available_bytes, engine_bytes, opened, sweep

MIB = 1 << 20


@pytest.mark.parametrize(
    ("membership", "files", "mib"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": str(512 * MIB)}, 512),
        ("0::/\n", {"memory.max": str(300 * MIB)}, 300),
        ("4:cpu,memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": str(400 * MIB)}, 400),
        # A container of version 1 is told a path that it can't see.
        ("4:memory:/docker/x\n", {"memory/memory.limit_in_bytes": str(200 * MIB)}, 200),
        ("nonsense", {}, None),
        ("0::/a\n", {"a/memory.max": "garbage"}, None),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
    ],
)
def test_the_least_limit_of_the_control_groups_counts(tmp_path, membership, files, mib):
    """Prevents a database that takes what the kernel does not give, and ends the run."""
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (tmp_path / "cgroup").write_text(membership)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = available_bytes(tmp_path / "cgroup", tmp_path / "mount")
    assert found == (machine if mib is None else mib * MIB)


def test_the_rest_of_the_process_is_left_its_part():
    """Prevents a limit above what there is, and one of nothing on a small machine."""
    assert engine_bytes(1536 * MIB) < 0.5 * 1536 * MIB
    assert engine_bytes(100 * MIB) == 128 * MIB
    assert engine_bytes(64 * 1024 * MIB) > 0.6 * 64 * 1024 * MIB


def test_what_does_not_fit_is_spilled_below_the_home_for_nobody_else(tmp_path):
    """Prevents spilled rows in the working directory, or where others read them, and what stays of them."""
    with opened(tmp_path / "ho'me") as con, opened(tmp_path / "ho'me") as other:
        places = {c.execute("SELECT current_setting('temp_directory')").fetchall()[0][0] for c in (con, other)}
        con.execute("SET memory_limit = '60MB'")
        con.execute("CREATE TABLE big AS SELECT range AS n, repeat(md5(range::VARCHAR), 3) AS t FROM range(2000000)")
        spilled = [path for path in (tmp_path / "ho'me" / SPILL).rglob("duckdb_temp*") if path.is_file()]
        assert spilled
    assert len(places) == 2
    assert {Path(place).parent.parent for place in places} == {tmp_path / "ho'me" / SPILL}
    assert (tmp_path / "ho'me" / SPILL).stat().st_mode & 0o077 == 0
    assert not [path for path in (tmp_path / "ho'me" / SPILL).rglob("duckdb_temp*") if path.is_file()]


_HOLD = """
import sys, time
from pathlib import Path
from lake.engine import opened
with opened(Path(sys.argv[1])) as con:
    place = con.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
    (Path(place) / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("ann@example.com")
    print(place, flush=True)
    time.sleep(3600)
"""


def test_what_a_killed_process_spilled_is_swept_and_what_another_uses_is_not(tmp_path):
    """Prevents a disk that fills by killed runs, and a sweep that takes a running one's data."""
    killed, running = (
        subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    try:
        places = [Path(process.stdout.readline().strip()) for process in (killed, running)]
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        sweep(tmp_path)
        assert [place.exists() for place in places] == [False, True]
    finally:
        running.kill()
        running.wait()
    sweep(tmp_path)
    assert list((tmp_path / SPILL).iterdir()) == []
    sweep(tmp_path / "no home")
