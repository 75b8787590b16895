"""The operator's files of users and networks, as they come."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.core.resources import Detector
from detection.operator_files import OperatorFileError
from detection.risk import ListedUser, read_networks, read_risk_list

HEAD = "user,reason,since,until\n"


def file(folder: Path, text: str | bytes, name: str = "given.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_risk_list_is_read_from_csv_as_tables_write_it(tmp_path):
    """Prevents a byte order mark, blank lines, capitals or empty cells from losing a user."""
    text = '\ufeffUser,reason,until\r\n Ann@Example.com ,"leaver, HR",\r\n\r\nbox:17,risky,2026-03-01\r\n'
    assert read_risk_list(file(tmp_path, text)) == [
        ListedUser(user="ann@example.com", reason="leaver, HR"),
        ListedUser(user="box:17", reason="risky", until=date(2026, 3, 1)),
    ]


@pytest.mark.parametrize("since", [date(2026, 3, 1), datetime(2026, 3, 1, 7), "2026-03-01"])
def test_a_risk_list_is_read_from_parquet(tmp_path, since):
    """Prevents a table from the identity provider from having to go through CSV, whatever type its days have."""
    path = tmp_path / "given.parquet"
    pq.write_table(pa.Table.from_pylist([{"user": "ann@example.com", "reason": "leaver", "since": since}]), path)
    assert read_risk_list(path) == [ListedUser(user="ann@example.com", reason="leaver", since=date(2026, 3, 1))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"has the columns none. It needs user and reason"),
        ("user,reason,untill\n", r"'untill'.*nothing else, each once"),
        ("user,user,reason\n", r"each once"),
        (HEAD + "ann@example.com,leaver,,\n,leaver,,\n", r"given\.csv, line 3: user is empty. Correct or remove"),
        (HEAD + "ann@example.com,leaver,1.3.2026,\n", r"line 2: since '1\.3\.2026': it is not a date; use YYYY-MM-DD"),
        (HEAD + "ann@example.com,leaver,1767225600,\n", r"line 2: since '1767225600': it is not a date"),
        (HEAD + "ann@example.com,leaver,2026-03-02,2026-03-01\n", r"line 2: until .* is before since .*swap them"),
        (HEAD + "ann@example.com,leaver\n", r"line 2: 2 values for 4 columns. Put a value with a comma in double"),
        (HEAD + f"ann@example.com,{'x' * 201},,\n", r"line 2: reason 'xxx.*at most 200 characters"),
        (HEAD + "ann@example.com,a\x1b[2Jb,,\n", r"line 2: reason .*can't be printed"),
        (HEAD + 'ann@example.com,"leaver,,\n', r"line 2: unexpected end of data. Save it as CSV again"),
        (HEAD.encode() + b"ann@example.com,\xff\xfe,,\n", r"given\.csv is not UTF-8 text"),
    ],
)
def test_a_bad_risk_list_says_which_row_is_wrong_and_what_to_do(tmp_path, text, said):
    """Prevents a list that is silently read in part, and an error from which nobody can mend the file."""
    with pytest.raises(OperatorFileError, match=said):
        read_risk_list(file(tmp_path, text))


def test_a_file_that_is_missing_or_no_parquet_is_said(tmp_path):
    """Prevents a mistyped path from meaning an empty list."""
    with pytest.raises(OperatorFileError, match=r"absent\.csv can't be read: .*No such file.*Name a CSV file"):
        read_risk_list(tmp_path / "absent.csv")
    with pytest.raises(OperatorFileError, match=r"given\.parquet can't be read: .*ends in \.parquet"):
        read_risk_list(file(tmp_path, "user,reason\n", "given.parquet"))


def test_a_bad_row_of_parquet_is_named(tmp_path):
    """Prevents numbers where text is due from stopping with a traceback, and a bad row from not being found."""
    path = tmp_path / "given.parquet"
    pq.write_table(pa.Table.from_pylist([{"user": 7, "reason": "leaver"}]), path)
    with pytest.raises(OperatorFileError, match=r"given\.parquet, row 1: user 7: Input should be a valid string"):
        read_risk_list(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("203.0.113.9/24,tor", r"line 2: network .*has host bits set; write it as 192\.0\.2\.0/24"),
        ("example.com,tor", r"line 2: network 'example\.com': .*does not appear to be an IPv4 or IPv6 network"),
        ("0.0.0.0/0,tor", r"line 2: network '0\.0\.0\.0/0': it covers too much; /8 is the largest"),
        ("::ffff:203.0.113.0/120,tor", r"it is IPv4 written as IPv6"),
        ("2000::/3,hosting", r"covers too much; /16"),
        ("203.0.113.0/24,vpn", r"line 2: kind 'vpn': Input should be 'tor', 'hosting' or 'trusted'"),
        ("203.0.113.0/24,", r"line 2: kind is empty"),
    ],
)
def test_a_bad_network_says_what_is_wrong(tmp_path, row, said):
    """Prevents a slip in one row from making everybody suspicious, or nobody."""
    with pytest.raises(OperatorFileError, match=said):
        read_networks(file(tmp_path, f"network,kind\n{row}\n"))


def test_an_address_is_found_in_the_worst_and_smallest_network(tmp_path):
    """Prevents overlapping lists from depending on the order of their rows, and IPv6 from being left out."""
    text = (
        "network,kind\n203.0.113.0/24,hosting\n203.0.0.0/16,hosting\n203.0.113.7,tor\n2001:db8::/32,hosting\n"
        "2001:db8:5::/48,tor\n"
    )
    networks = read_networks(file(tmp_path, text))
    assert len(networks) == 5
    said = {ip: networks.find(ip)[1:4] for ip in ("203.0.113.7", "203.0.113.8", "203.0.114.8", "203.1.0.1")}
    assert said == {
        "203.0.113.7": ("203.0.113.0/24", "203.0.113.7/32", "tor"),
        "203.0.113.8": ("203.0.113.0/24", "203.0.113.0/24", "hosting"),
        "203.0.114.8": ("203.0.114.0/24", "203.0.0.0/16", "hosting"),
        "203.1.0.1": ("203.1.0.0/24", None, None),
    }
    assert networks.find("2001:DB8:5:0::1")[1:4] == ("2001:db8:5::/48", "2001:db8:5::/48", "tor")
    assert networks.find("2001:db8:6::1")[1:4] == ("2001:db8:6::/48", "2001:db8::/32", "hosting")
    assert networks.find("::ffff:203.0.113.7").kind == "tor"
    assert networks.find("no address")[1:4] == (None, None, None)


def test_the_detector_reads_the_files_anew_for_each_run(tmp_path):
    """Prevents a changed list from waiting for a restart."""
    path = file(tmp_path, "user,reason\nann@example.com,leaver\n")
    detector = Detector(risk_list=str(path))
    assert [row.user for row in detector.watch().risk_list] == ["ann@example.com"]
    file(tmp_path, "user,reason\nben@example.com,leaver\n")
    assert [row.user for row in detector.watch().risk_list] == ["ben@example.com"]
    assert len(Detector().watch().networks) == 0
