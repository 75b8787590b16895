"""A page's findings in the tables: each of the five questions, on a lake with known answers."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from detection.allow_list import read
from detection.geoip import read_geography
from detection.risk import Listed, Networks
from detection.sensitive import read_terms
from dossier.evidence import Evidence
from dossier.page import page_of
from dossier.reading import read_alerts, read_evidence
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from lake.warehouse import build_warehouse, open_warehouse
from tests.support.memory import connect
from tests.support.mmdb import country_database
from tests.support.small_lake import ALERT_ID, OPENS, USER, SmallLake, ordinary

NOW = datetime(2026, 2, 21, 9, tzinfo=UTC)


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    return ordinary(tmp_path)


def gathered(small: SmallLake, *, networks: Networks | None = None):
    networks = Networks() if networks is None else networks
    with connect() as con:
        publish(con, small.write(), NOW)
        [alert] = read_alerts(con)
        terms = read_terms()
        found = read_evidence(con, small.lake, [alert], now=NOW, networks=networks, terms=terms)
        page = page_of(alert, found[ALERT_ID], domains=["example.com"], now=NOW)
    return found[ALERT_ID], {section.key: section for section in page.sections}, page


def said(section) -> str:
    return "".join(section.answer)


def test_an_ordinary_account_shows_no_sign(small):
    """Prevents pages that point at everything, so that nobody looks at the one that matters."""
    _, sections, _ = gathered(small)
    assert {key: section.found for key, section in sections.items()} == {
        "compromise": "calm",
        "sensitive": "look",
        "authorised": "calm",
        "types": "look",
        "afterwards": "calm",
    }


def test_new_places_failures_and_changes_are_signs(small):
    """Prevents a taken-over account that looks like its owner: country, listed network, guesses, second factor."""
    for n in range(6):
        small.act("sign_in_failed", OPENS - timedelta(hours=5) + timedelta(minutes=n), ip="203.0.113.9", country="NG")
    small.act("sign_in", OPENS - timedelta(hours=4), ip="203.0.113.9", country="NG")
    small.act("mfa_disabled", OPENS - timedelta(hours=3))
    small.act("sign_in", OPENS - timedelta(days=8), country="FR")
    tor = Networks([Listed(network="203.0.113.0/24", kind="tor")])
    evidence, sections, _ = gathered(small, networks=tor)
    answer = said(sections["compromise"])
    for sign in ("1 second factor switched off", "new country NG", "address of a tor network", "6 failed sign-ins"):
        assert sign in answer
    assert "FR" not in answer
    assert [row.kind for row in evidence.timeline if row.country == "NG"] == ["sign_in_failed", "sign_in"]


def test_an_address_in_a_trusted_network_is_no_place(small):
    """Prevents the company's VPN, which ends abroad, from being a new country and a new network on the page."""
    small.act("sign_in", OPENS - timedelta(hours=4), ip="203.0.113.9", country="NG")
    trusted = Networks([Listed(network="203.0.113.0/24", kind="trusted"), Listed(network="203.0.113.9", kind="tor")])
    evidence, sections, page = gathered(small, networks=trusted)
    assert sections["compromise"].found == "calm"
    assert [(row.place, row.listed) for row in evidence.places if row.listed] == [("203.0.113.0/24", "trusted")]
    assert not [row for row in evidence.timeline if row.country == "NG"]
    [table] = [table for table in sections["compromise"].tables if table.caption == "Where from and with what"]
    assert "says nothing of where the user was" in str(table.rows)
    assert page


def test_the_operators_database_tells_countries_where_the_log_does_not(small, tmp_path):
    """Prevents a page on which Box and Office 365 are nowhere, and two databases from moving one desk."""
    small.act("sign_in", OPENS - timedelta(hours=4), ip="81.2.69.7", country=None)
    small.act("sign_in", OPENS - timedelta(days=9), ip="103.1.0.9", country="DE")
    small.act("sign_in", OPENS - timedelta(hours=3), ip="103.1.0.9", country=None)
    database = country_database(tmp_path / "c.mmdb", {"81.2.69.0/24": "GB", "103.1.0.0/16": "SG"})
    evidence, sections, _ = gathered(small, networks=Networks([], read_geography(database, None)))
    assert [row.place for row in evidence.places if row.dimension == "country" and row.is_new] == ["GB"]
    assert "New country GB" in said(sections["compromise"])
    assert {row.country for row in evidence.timeline} >= {"GB"}


def test_files_are_those_of_the_alerts_windows(small):
    """Prevents figures that differ from the alert's, by uploads of other hours, users or allowed windows."""
    small.upload(OPENS + timedelta(hours=4), "after.zip")
    small.upload(OPENS + timedelta(hours=1), "other.zip", user="else@example.com")
    evidence, _, _ = gathered(small)
    assert sum(row.files for row in evidence.types) == 60
    assert [(row.kind, row.number) for row in evidence.afterwards if row.kind == "upload"] == [("upload", 1)]


def test_another_organisations_folder_is_told(small):
    """Prevents data that leaves for a stranger's folder from looking like work."""
    small.upload(OPENS + timedelta(hours=1), "gift.zip", folder="Shared", owner="eve@rival.example")
    _, sections, _ = gathered(small)
    assert "1 file went to another organisation" in said(sections["authorised"])
    assert sections["authorised"].found == "look"


def test_what_began_just_before_is_no_habit(small):
    """Prevents a burst's first files, an hour before the alert, from making its folder one that was used before."""
    small.upload(OPENS - timedelta(hours=2), "first.zip", folder="Drop")
    for n in range(30):
        small.upload(OPENS + timedelta(minutes=n), f"n{n}.zip", folder="Drop")
    evidence, sections, _ = gathered(small)
    assert [(row.folder, row.earlier_files) for row in evidence.destinations] == [("Team", 4), ("Drop", 0)]
    assert "1 of 2 places new for the user" in said(sections["authorised"])


def test_files_read_just_before_are_told(small):
    """Prevents copying from one store to the other from going unseen."""
    small.act("download", OPENS - timedelta(hours=1), file_name="export-001.zip")
    small.act("download", OPENS + timedelta(hours=2), file_name="export-002.zip")
    evidence, _, _ = gathered(small)
    [read_before] = evidence.read_before
    assert (read_before.files, read_before.examples) == (1, ["export-001.zip"])


def test_what_others_do_with_the_files_is_told(small):
    """Prevents staged files that a second account fetches from looking untouched."""
    small.write()
    fetched = duckdb.sql(
        f"SELECT file_id FROM read_parquet('{small.lake.part('box/uploads', OPENS.date())}') LIMIT 1"
    ).fetchall()[0][0]
    small.act("download", OPENS + timedelta(hours=5), user="mule@example.com", file_id=fetched)
    small.act("download", OPENS + timedelta(hours=5), file_id=fetched)
    evidence, sections, _ = gathered(small)
    assert [(row.user, row.files) for row in evidence.others] == [("mule@example.com", 1)]
    assert "1 act of others" in said(sections["afterwards"])


def test_names_are_compared_as_words(small):
    """Prevents `secretary.txt` from counting as a secret, and `SALARY_2026` from being missed."""
    names = ("SALARY_2026.xlsx", "secretary.txt", "dump.sql", "Top-Secret plan.txt")
    for n, name in enumerate(names):
        small.upload(OPENS + timedelta(minutes=n), name)
    evidence, _, _ = gathered(small)
    found = {row.category: row.examples for row in evidence.sensitive if row.files}
    assert found["personnel"] == ["SALARY_2026.xlsx"]
    assert found["marked as confidential"] == ["Top-Secret plan.txt"]
    assert found["database dumps"] == ["dump.sql"]


def test_the_entry_for_the_allow_list_can_be_used_as_it_is(small, tmp_path):
    """Prevents an entry that the reader refuses, through whatever signs an application's name holds."""
    app = 'Sync "pro"\\\x7f\x1b\t\U0001f600\n[[allow]]'
    small.clear("box/uploads", OPENS.date())
    for n in range(60):
        small.upload(OPENS + timedelta(minutes=n), f"a{n}.zip", app=app)
    _, _, page = gathered(small)
    assert tomllib.loads(page.allow)["allow"][0]["app"] == app
    path = tmp_path / "allow.toml"
    path.write_text(page.allow, encoding="utf-8")
    [entry] = read(path)
    assert (entry.user, entry.provider) == (USER, "box")


def test_links_lead_to_the_consoles_alone(small):
    """Prevents an id from another tenant's log from turning a link into an address of its own."""
    small.upload(OPENS + timedelta(minutes=1), "x.zip", user_id="../../@evil.example/?a=b#")
    _, _, page = gathered(small)
    assert [link.url for link in page.links] == [
        "https://app.box.com/master/reports",
        "https://app.box.com/master/users/..%2F..%2F%40evil.example%2F%3Fa%3Db%23",
        "https://app.box.com/master/users/77",
    ]


def test_the_query_gives_the_alerts_uploads(small):
    """Prevents a query on the page that does not run, or gives other rows."""
    evidence, _, page = gathered(small)
    build_warehouse(small.lake)
    with open_warehouse(Path(small.lake.root).parent) as con:
        rows = con.execute(page.query).fetchall()
    assert len(rows) == sum(row.files for row in evidence.types) == 60


def test_a_group_is_told_by_its_users(small):
    """Prevents the one alert of many users from having an empty page."""
    users = [f"m{n}@example.com" for n in range(25)]
    group_id = "f" * 64
    small.clear("alerts", OPENS.date())
    for user in users:
        small.upload(OPENS + timedelta(minutes=5), "mail.pst", user=user, owner=user)
        small.add(
            "detections",
            OPENS.date(),
            {"scope": "box", "user": user, "window_start": OPENS, "window_end": OPENS + timedelta(hours=3)},
        )
        small.alert(files=1, user=user, alert_id=f"{users.index(user):064x}", folded_into=group_id)
    small.add(
        "alerts",
        OPENS.date(),
        {
            "alert_id": group_id,
            "name": "Massive upload to SaaS service: common cause",
            "severity": "Informational",
            "user": "(many users)",
            "users": 25,
            "providers": ["box"],
            "first_window_start": OPENS,
            "last_window_end": OPENS + timedelta(hours=3),
            "files": 25,
            "sized_files": 25,
            "bytes": 25000,
            "estimated_files": 0,
            "suppressed_count": 24,
            "reasons": [],
            "sentence": "On that day, 25 users.",
        },
    )
    with connect() as con:
        publish(con, small.write(), NOW)
        [alert] = read_alerts(con)
        evidence = read_evidence(con, small.lake, [alert], now=NOW, networks=Networks(), terms=read_terms())
        page = page_of(alert, evidence[alert.alert_id], domains=[], now=NOW)
    assert [(row.extension, row.files) for row in evidence[alert.alert_id].types] == [("pst", 25)]
    _, users = page.groups
    assert len(users.rows) == 20
    assert users.note == "5 with fewer files left out."


def test_evidence_is_the_same_after_json(small):
    """Prevents `uploadwatch alert --format json` from losing what the page says."""
    evidence, _, _ = gathered(small)
    assert Evidence.model_validate(json.loads(evidence.model_dump_json())) == evidence


def test_labels_and_open_files_are_told(small):
    """Prevents a classified file, or one that everybody with the link sees, from passing as any other."""
    small.upload(OPENS + timedelta(minutes=1), "plan.docx", label="Top <b>secret</b>", visibility="people_with_link")
    evidence, sections, _ = gathered(small)
    assert [(row.label, row.files, row.examples) for row in evidence.labels] == [
        ("Top <b>secret</b>", 1, ["plan.docx"])
    ]
    assert "Labelled by the provider: Top <b>secret</b> (1 file)" in said(sections["sensitive"])
    assert "people outside the organisation can see" in said(sections["authorised"])


def test_a_guest_s_own_domain_is_not_the_organisations(small):
    """Prevents a service account's or guest's ordinary target from being called another organisation's."""
    small.clear("alerts", OPENS.date())
    small.alert(files=60, actor_class="service")
    small.upload(OPENS + timedelta(minutes=1), "x.zip", owner="admin@company.example", folder="Backup")
    with connect() as con:
        publish(con, small.write(), NOW)
        [alert] = read_alerts(con)
        found = read_evidence(con, small.lake, [alert], now=NOW, networks=Networks(), terms=read_terms())
        page = page_of(alert, found[ALERT_ID], domains=[], now=NOW)
    section = next(each for each in page.sections if each.key == "authorised")
    assert "another organisation" not in said(section)
    assert any("UPLOADWATCH_ORGANISATION_DOMAINS" in line for line in section.unknown)


def test_another_alert_of_the_user_is_linked(small):
    """Prevents two halves of one story that nobody reads together."""
    later = {"alert_id": "e" * 64, "first_window_start": OPENS + timedelta(hours=20)}
    small.alert(files=70, **later, last_window_end=OPENS + timedelta(hours=23))
    small.run(datetime(2026, 2, 21, 12))
    assert f'<a href="{"e" * 64}.html">' in small.page()
    assert "1 further alert" in small.words()


@pytest.mark.parametrize(
    ("other", "verdict", "found"),
    [
        ({}, None, "calm"),
        ({}, "confirmed", "look"),
        ({"name": "Massive upload to SaaS service by suspicious user"}, None, "look"),
        ({"name": "Massive upload to SaaS service by suspicious user"}, "benign", "calm"),
    ],
)
def test_a_later_alert_is_a_finding_by_what_others_say_of_it(small, other, verdict, found):
    """Prevents the detector from being its own witness on the page, too."""
    later = {"alert_id": "e" * 64, "first_window_start": OPENS + timedelta(hours=20)}
    small.alert(files=70, **later, **other, last_window_end=OPENS + timedelta(hours=23))
    with connect() as con:
        publish(con, small.write(), NOW)
        if verdict:
            add_reviews(con, small.lake, [ReadAlert("e" * 64)], verdict=verdict, by="me", note="", now=NOW)
            publish(con, small.lake, NOW)
        alert = next(each for each in read_alerts(con) if each.alert_id == ALERT_ID)
        evidence = read_evidence(con, small.lake, [alert], now=NOW, networks=Networks(), terms=[])[ALERT_ID]
        page = page_of(alert, evidence, domains=["example.com"], now=NOW)
    assert next(section for section in page.sections if section.key == "afterwards").found == found


def test_work_that_goes_on_is_nothing_to_look_at(small):
    """Prevents a page that points at whoever opens the own files again, or shares something now and then."""
    small.write()
    own = duckdb.sql(f"SELECT file_id FROM read_parquet('{small.lake.part('box/uploads', OPENS.date())}') LIMIT 20")
    for n, (file_id,) in enumerate(own.fetchall()):
        small.act("download", OPENS + timedelta(hours=4, minutes=n), file_id=file_id)
    small.act("share_external", OPENS + timedelta(hours=5))
    assert gathered(small)[1]["afterwards"].found == "calm"
    small.act("share_external", OPENS + timedelta(hours=6), file_id=file_id)
    assert gathered(small)[1]["afterwards"].found == "look"
