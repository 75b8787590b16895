"""Message of both commands for a file in which nothing can be read."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.event_shapes import events

pytestmark = pytest.mark.sampled

LINES = "\n".join(map(json.dumps, events("office365")))
PAGE = '<html>\n<head><title>\n Sign in to your account</title><script>$Config={"a":1,"b":[2]};</script></head></html>'


def zipped(*names: str, content: bytes = b"<x/>") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped("events.json", content=LINES.encode()))
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + flags] |= 1
    return bytes(content)


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"event": [LINES]}), out)
    return out.getvalue()


CUT = [{"auditData": "@{Id=r1; Operation=FileUploaded}"}]
UNREADABLE: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", "is empty"),
    "blank": ("\ufeff \r\n", "is empty"),
    "zeros": (bytes(5000), "is empty"),
    "packed, empty": (gzip.compress(b""), "is empty"),
    "header": ("CreationDate,UserIds,Operations,AuditData\r\n", "a CSV with a header and no rows"),
    "header after sep=": ("sep=;\r\n_time;_raw\r\n", "a CSV with a header and no rows"),
    "other columns": ("Date,User,Action\n1,2,3\n", "a CSV with the columns date, user, action"),
    "Excel": (zipped("xl/workbook.xml", "[Content_Types].xml"), "save the sheet as CSV UTF-8"),
    "Excel in a zip": (zipped("a.xlsx", content=zipped("[Content_Types].xml")), "save the sheet as CSV UTF-8"),
    "Excel of old": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "save the sheet as CSV UTF-8"),
    "OpenDocument": (zipped("mimetype", content=b"application/vnd.oasis.opendocument.spreadsheet"), "save the sheet"),
    "Parquet": (parquet(), "a Parquet file. Convert it to JSON, one event a line"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(99), "a PDF, made to be looked at. Export CSV or JSON"),
    "page": (PAGE, "a web page, titled 'Sign in to your account'"),
    "XML": ('<?xml version="1.0"?>\n<results><result/></results>', "a web page or XML"),
    "garbage": (random.Random(5).randbytes(5000), "no text in UTF-8 or UTF-16"),
    "image": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "no text in UTF-8 or UTF-16"),
    "tar": (bytes(257) + b"ustar" + bytes(250), "a tar archive. Unpack it"),
    "zip without files": (zipped(), "a zip archive without files"),
    "zip of folders": (zipped("export/"), "a zip archive without files"),
    "zip in a zip": (zipped("a.zip", content=zipped("b.json")), "inside another archive. Unpack it"),
    "zip, cut off": (zipped("a.json", content=LINES.encode())[:-40], "cut off or damaged"),
    "zip, encrypted": (encrypted(), "encrypted. Unpack it with its password"),
    "cut by PowerShell": (json.dumps(CUT, indent=4), "ConvertTo-Json -Depth 20"),
    "printed by Python": (str(events("office365")[0]), "Write it with json.dumps"),
    "events without a time": ('{"Id": "r1", "Operation": "FileUploaded"}', "lack what is needed, such as the time"),
    "another provider": (json.dumps(events("box")), "give --provider box"),
    "deep": ("[" * 100_000, "holds no event of Office 365"),
    "text": ("hello\nworld\n", "holds no event of Office 365"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_both_commands_fail_with_the_same_advice(tmp_path: Path, name: str) -> None:
    """Prevents a command that ends well, or in silence, although it read nothing, and advice that fits another file."""
    content, said = UNREADABLE[name]
    file = tmp_path / "export.dat"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = []
    for command in (["classify"], ["import", "--home", str(tmp_path)]):
        result = CliRunner().invoke(app, [*command, "--provider", "office365", str(file)])
        assert result.exit_code == 1
        told.append(str(result.exception).partition(". ")[2])
    assert said in told[0]
    assert told[0].startswith(("export.dat", "export.dat/"))
    assert told[0] == told[1]
    assert not list(tmp_path.glob("lake/office365/audit_events/**/*.*"))


@pytest.mark.parametrize("name", UNREADABLE)
def test_beside_a_good_file_it_is_named_and_the_good_one_is_read(tmp_path: Path, name: str) -> None:
    """Prevents one bad file among many from stopping an import, or from being left out without a word."""
    content, said = UNREADABLE[name]
    (tmp_path / "export.dat").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "good.json").write_text(LINES)
    files = [str(tmp_path / file) for file in ("export.dat", "good.json")]
    for command in (["classify", "--format", "json"], ["import", "--home", str(tmp_path)]):
        result = CliRunner().invoke(app, [*command, "--provider", "office365", *files])
        assert result.exit_code == 0
        assert said in " ".join(result.output.split())


@pytest.mark.parametrize("content", ["[]", '{"value": []}', '{"preview": false, "lastrow": true}\n', "[]\n[]\n"])
def test_an_answer_without_events_is_no_error_and_is_named(tmp_path: Path, content: str) -> None:
    """Prevents a script from stopping at a day on which nothing happened, and a bad file from passing beside it."""
    (tmp_path / "answer.json").write_text(content)
    (tmp_path / "bad.csv").write_text("AuditData\n")
    for command in (["classify"], ["import", "--home", str(tmp_path)]):
        call = [*command, "--provider", "office365", str(tmp_path / "answer.json")]
        result = CliRunner().invoke(app, call)
        assert result.exit_code == 0
        assert "answer.json is an answer without events" in " ".join(result.output.split())
        assert CliRunner().invoke(app, [*call, str(tmp_path / "bad.csv")]).exit_code == 1


def test_many_bad_files_are_counted(tmp_path: Path) -> None:
    """Prevents files of which nobody hears that nothing of them was read, and a page of sentences."""
    files = [tmp_path / f"{number}.csv" for number in range(7)]
    for file in files:
        file.write_text("Date,User\n1,2\n")
    result = CliRunner().invoke(app, ["classify", "--provider", "box", *map(str, files)])
    assert result.exit_code == 1
    assert str(result.exception).count("is a CSV") == 3
    assert "Nothing could be read of 4 more files." in str(result.exception)
