"""Dashboard, alert rules and documentation of the metrics against the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from orchestration.monitoring.catalogue import METRICS
from orchestration.shipped_files import deployment_files

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
RULES = yaml.safe_load((DEPLOY / "monitoring" / "prometheus-rules.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "monitoring" / "grafana-dashboard.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
NAME = re.compile(r"\buploadwatch_\w+")
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
QUERIES = [rule["expr"] for rule in ALERTS] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_metrics_and_labels_that_are_exposed(query: str) -> None:
    """Prevents an alert that never fires, and a panel that stays empty, since a metric was renamed."""
    named = NAME.findall(query)
    assert named
    assert set(named) <= set(METRICS)
    for metric, matchers in re.findall(r"(uploadwatch_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)[=!]", matchers)) <= set(METRICS[metric].labels)


def test_every_metric_is_on_the_page_and_only_those() -> None:
    """Prevents a metric that nobody can look up, and one that is promised and does not exist."""
    table = PAGE.split("## Metrics\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines() if line.startswith("| `")]
    documented = {name.strip("`"): tuple(re.findall(r"`(\w+)`", labels)) for name, labels, _ in rows}
    assert documented == {name: metric.labels for name, metric in METRICS.items()}


def test_every_alert_is_on_the_page_and_leads_to_a_runbook() -> None:
    """Prevents a call at night that says nothing of what to do."""
    headings = re.findall(r"^## (\S+)$", (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8"), re.MULTILINE)
    for rule in ALERTS:
        page, _, section = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbooks.md"
        assert section in headings, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
        assert f"`{rule['alert']}`" in PAGE
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for label in re.findall(r"\$labels\.(\w+)", str(RULES)):
        assert any(label in metric.labels for metric in METRICS.values())


def test_the_dashboard_is_of_any_data_source() -> None:
    """Prevents a dashboard that works in the Grafana of its author alone."""
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    sources = [each["datasource"] for panel in DASHBOARD["panels"] for each in (panel, *panel["targets"])]
    assert {source["uid"] for source in sources} == {f"${{{variable['name']}}}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_both_are_shipped() -> None:
    """Prevents a wheel without them."""
    assert {"monitoring/prometheus-rules.yaml", "monitoring/grafana-dashboard.json"} <= set(deployment_files())
