"""Pages and notifications with pseudonyms on: they hold no name of the lake, and the key gives each one back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from cli.app import app
from connectors import ConfigurationError
from dossier.evidence import Evidence
from dossier.pseudonymized import NAMES
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from notify.channels import open_channel
from notify.delivery import deliver, enter_alerts, outbox_of
from notify.outbox import Letter
from notify.pseudonymized import pseudonymized
from notify.settings import read_channels
from notify.text import text_of
from orchestration.definitions import build_defs
from privacy.pseudonyms import TOKEN, Pseudonyms
from tests.support.memory import connect
from tests.support.notified import receiver
from tests.support.small_lake import ALERT_ID, DAY, OPENS, SmallLake

pytestmark = pytest.mark.sampled

KEY = base64.b64encode(bytes(range(64))).decode()
OTHER = base64.b64encode(bytes(range(1, 65))).decode()
PSEUDONYMS = Pseudonyms(KEY)
NOW = datetime(2026, 2, 21, 9)
USER, OWNER, READER = "quilla.user@quellwald.example", "orsina.owner@fremdhaus.example", "rix.reader@example.com"
PLANTED = {
    "user": "quilla.user",
    "domain": "quellwald",
    "owner": "orsina.owner",
    "reader": "rix.reader",
    "recipient": "zeno.recipient",
    "provider's id": "4711000815",
    "folder": "Falkenhorst",
    "file": "Nebelbank",
    "word of the dictionary": "payroll",
    "address": "203.0.113.77",
    "network": "203.0.113.",
    "evidence": "listed by Wanda",
    "reviewer": "Bertrada",
    "note": "asked her superior",
}


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    """A lake in which every kind of name is one that nothing else holds."""
    lake = SmallLake(tmp_path)
    names = {"user": USER, "owner": OWNER, "folder": "Falkenhorst", "ip": "203.0.113.77", "user_id": "4711000815"}
    long = "Nebelbank " + "x" * 200 + ".zip"
    for n in (1, 7, 13):
        time = OPENS - timedelta(days=n)
        lake.upload(time, "Nebelbank old.docx", **names, label="Confidential")
        lake.act("sign_in", time, user=USER, ip="203.0.113.77")
    lake.act("download", OPENS - timedelta(hours=2), user=USER, file_name=long, ip="203.0.113.77")
    for n in range(60):
        name = long if n < 2 else f"Nebelbank payroll {n:03}.zip"
        lake.upload(OPENS + timedelta(minutes=n), name, **names, file_id=f"f-{n}", label="Confidential")
    shared = {"detail": "shared with zeno.recipient@else.example", "file_id": "f-1", "user": USER, "ip": "203.0.113.77"}
    lake.act("share_external", OPENS + timedelta(hours=4), **shared)
    lake.act("download", OPENS + timedelta(hours=5), user=READER, file_id="f-1", ip="203.0.113.77")
    reason = {"name": "risk_list", "strength": "strong", "evidence": f"{USER} is listed by Wanda"}
    lake.alert(files=60, user=USER, reasons=[reason])
    return lake


def reviewed(small: SmallLake) -> None:
    with connect() as con:
        publish(con, small.write(), NOW)
        add_reviews(
            con,
            small.lake,
            [ReadAlert(ALERT_ID)],
            verdict="benign",
            by="Bertrada",
            note="I asked her superior",
            now=NOW,
        )


def named(text: str) -> list[str]:
    """Return the kinds of the planted names that a text holds."""
    return [kind for kind, name in PLANTED.items() if name.lower() in text.lower()]


def pages(small: SmallLake) -> str:
    """All that lies in the directory of the pages."""
    return "\n".join(path.read_bytes().decode() for path in sorted(small.pages.iterdir()))


def revealed(text: str) -> set[str]:
    """Return the names behind the tokens in a text."""
    return {PSEUDONYMS.reveal(token) for token in TOKEN.findall(re.sub(r"<[^>]+>", " ", text)) if len(token) > 20}


def test_pages_hold_tokens_and_no_name(small):
    """Prevents a name, file, folder or address that is left on a page, in the index, or in a link."""
    reviewed(small)
    small.run(NOW)
    assert named(pages(small)) == list(PLANTED)
    assert small.run(NOW, key=KEY) == 1
    assert named(pages(small)) == []
    assert PSEUDONYMS.of(USER) in (small.pages / "index.html").read_text(encoding="utf-8")
    wanted = {USER, OWNER, READER, "Falkenhorst", "203.0.113.77", "Nebelbank payroll 002.zip", "Bertrada"}
    assert wanted | {f"{USER} is listed by Wanda", "Nebelbank " + "x" * 200 + ".zip"} <= revealed(
        unescape(small.page())
    )
    said = small.words()
    for kept in ("60 files", "Box", "DE", "zip: 100 %", "Confidential", "archives (60 files)", "another organisation"):
        assert kept in said
    assert "uploadwatch reveal pn_" in said
    assert "# A token allows nothing" in said
    assert f"uploadwatch review {ALERT_ID[:12]}" in said
    assert "master/users" not in small.page()


def test_pages_are_made_anew_when_the_setting_or_the_key_changes(small):
    """Prevents names that stay on old pages, and tokens that the present key does not read; off is as before."""
    small.run(NOW)
    before = small.page()
    late = NOW + timedelta(days=90)
    assert small.run(late, first=late.date(), last=late.date(), key=KEY) == 1
    assert named(pages(small)) == []
    assert small.run(late, first=late.date(), last=late.date(), key=KEY) == 0
    assert small.run(late, first=late.date(), last=late.date(), key=OTHER) == 1
    assert Pseudonyms(OTHER).of(USER) in small.page()
    assert KEY not in pages(small)
    assert small.run(NOW) == 1
    assert small.page() == before


def test_a_withdrawn_alert_names_nobody(small):
    """Prevents the page of what an alert said last from naming the user, or who answers for the allowance."""
    small.run(NOW, key=KEY)
    small.clear("alerts", DAY)
    small.clear("detections", DAY)
    allowed = {"scope": "box", "population": "people", "user": USER, "metric": "files", "window_start": OPENS}
    allowed |= {"window_end": OPENS + timedelta(hours=3), "files": 60, "allowed_by": f"{USER} (Bertrada: moves)"}
    small.add("detections", DAY, allowed)
    assert small.run(NOW + timedelta(hours=1), key=KEY) == 1
    assert "This alert was withdrawn" in small.page()
    assert named(pages(small)) == []
    assert revealed(small.page()) == {USER, f"allowed by {USER} (Bertrada: moves)"}


@pytest.fixture
def command(small, tmp_path, monkeypatch):
    """Return a function that runs the command on that lake with pseudonyms on."""
    reviewed(small)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, key: str = KEY):
        values = {"UPLOADWATCH_NOW": "2026-02-21T09:00:00Z", "COLUMNS": "300", "UPLOADWATCH_PSEUDONYMS": "true"}
        return CliRunner().invoke(app, [*arguments], env=values | {"UPLOADWATCH_PSEUDONYM_KEY": key})

    return call


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_terminal_holds_tokens_and_no_name(command, tmp_path, form):
    """Prevents the page in the terminal, or its JSON, from saying what the file keeps to itself."""
    shown = command("alert", ALERT_ID, "--home", str(tmp_path), "--format", form)
    assert shown.exit_code == 0, shown.output
    assert named(shown.output) == []
    assert PSEUDONYMS.of("Falkenhorst") in shown.output
    told = command("reveal", PSEUDONYMS.of("Falkenhorst"))
    assert told.output == "Falkenhorst\n"


def test_without_a_usable_key_nothing_is_shown_or_loaded(command, small, tmp_path):
    """Prevents a forgotten key from turning into pages, messages or runs with names."""
    for key in ("", "short"):
        shown = command("alert", ALERT_ID, "--home", str(tmp_path), key=key)
        assert isinstance(shown.exception, ConfigurationError)
        assert isinstance(command("notify", "--home", str(tmp_path), key=key).exception, ConfigurationError)
        values = {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": key}
        with pytest.raises(ConfigurationError, match="UPLOADWATCH_PSEUDONYM_KEY"):
            build_defs(values)


@dataclass
class Sent:
    """A notification as sent over the wire."""

    body: bytes

    @property
    def alert(self) -> dict:
        return json.loads(self.body)["alert"]


@pytest.fixture
def sent(small, tmp_path) -> Iterator[Sent]:
    """The webhook of the alert, entered before pseudonyms were switched on."""
    reviewed(small)
    with receiver() as soc:
        channels = [open_channel(each) for each in read_channels(soc.variables)]
        box, now = outbox_of(tmp_path), NOW.replace(tzinfo=UTC)
        enter_alerts(box, small.lake, channels, now, timedelta(days=7))
        assert deliver(box, channels, lambda: now, PSEUDONYMS).sent == 1
        [request] = soc.server.asked
        yield Sent(request.body if isinstance(request.body, bytes) else request.body.encode())


def test_a_webhook_holds_tokens_and_no_name(sent):
    """Prevents a message that names people, even one that waited since before pseudonyms were switched on."""
    assert named(sent.body.decode()) == []
    user = PSEUDONYMS.of(USER)
    assert sent.alert["user"] == user
    assert sent.alert["sentence"] == f"In the three hours from 10:00 UTC, {user} uploaded 60 files to Box."
    assert PSEUDONYMS.reveal(sent.alert["reasons"][0]["evidence"]) == f"{USER} is listed by Wanda"
    assert PSEUDONYMS.reveal(sent.alert["review"]["by"]) == "Bertrada"
    assert (sent.alert["files"], sent.alert["providers"]) == (60, ["box"])


def test_messages_of_other_kinds_name_nobody_and_a_chat_can_be_revealed():
    """Prevents names in withdrawn alerts and in what a failed step quotes, and tokens that a chat makes unreadable."""
    about = {"alert_id": "a", "revision": 2, "user": USER, "state": "withdrawn", "first_window_start": "2026-02-20"}
    gone = Letter(1, "a", 2, "alert.withdrawn", about | {"reason": f"allowed by {USER} (Bertrada: moves)"}, 0)
    failed = [{"step": "box__uploads", "error": f"could not read '{USER}'"}]
    run = {"run_id": "r", "job": "pull", "first_day": None, "last_day": None, "failed": failed}
    for letter in (gone, Letter(2, "run-r", 1, "run.failed", run, 0)):
        told = pseudonymized(letter, PSEUDONYMS)
        assert named(json.dumps(told.about)) == []
        assert named(text_of(told.event, told.about)) == []
    for n in range(200):
        # Some tokens end with an underscore, or have one beside a hyphen, which a chat would take for emphasis.
        user = f"user{n}@example.com"
        shown = text_of("alert.withdrawn", pseudonymized(gone, PSEUDONYMS).about | {"user": PSEUDONYMS.of(user)})
        token = shown.split("User ")[1].split(",")[0]
        assert PSEUDONYMS.reveal(token) == user


def test_every_text_of_the_evidence_is_covered_or_known_to_name_nobody():
    """Prevents a field that is added later and stands on pages in clear."""
    nobody = {
        "provider",
        "providers",
        "kind",
        "metric",
        "dimension",
        "place",
        "listed",
        "phase",
        "country",
        "app",
        "app_id",
        "app_ids",
        "largest_by",
        "member",
    }
    nobody |= {"reason", "label", "category", "visibility", "extension", "other", "name", "verdict"}
    models = {get_args(field.annotation)[0] for field in Evidence.model_fields.values()} | set(NAMES)
    for model in models:
        assert issubclass(model, BaseModel)
        texts = {name for name, field in model.model_fields.items() if "str" in str(field.annotation)}
        texts |= {name for name, field in model.model_fields.items() if field.annotation is str}
        assert texts - set(NAMES.get(model, ())) <= nobody, model
