"""Alert rules and the dashboard: every metric and label that they ask for exists, and the runbook answers every alert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from waystation.web.metrics import FAMILIES, samples

ROOT = Path(__file__).resolve().parents[2]
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((ROOT / "deploy" / "grafana" / "waystation.json").read_text(encoding="utf-8"))["panels"]
ASKED = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}
LABELS = {name: set(family.labels) for family in FAMILIES for name in samples(family)}
OTHERS = {"up": {"job"}}  # what Prometheus itself tells


def parts(expression: Any) -> Iterator[Any]:
    """An expression and all within it."""
    yield expression
    for name in ("expr", "lhs", "rhs", "param"):
        if (inner := getattr(expression, name, None)) is not None and not isinstance(inner, str):
            yield from parts(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from parts(inner)
    if (selector := getattr(expression, "vector_selector", None)) is not None:
        yield selector


@pytest.mark.parametrize("name", ASKED)
def test_an_expression_asks_for_metrics_and_labels_that_there_are(name: str) -> None:
    known = LABELS | OTHERS
    found = [p for p in parts(promql_parser.parse(ASKED[name])) if isinstance(p, promql_parser.VectorSelector)]
    assert found
    for selector in found:
        assert selector.name in known
        assert {m.name for m in selector.matchers.matchers} <= known[selector.name]
    words = set(re.findall(r"\bwaystation_\w+|\bup\b", re.sub(r'"[^"]*"', "", ASKED[name])))
    assert words == {selector.name for selector in found}, "all of the expression was looked at"


def test_every_metric_is_on_the_dashboard_or_has_an_alert() -> None:
    text = " ".join(ASKED.values())
    unseen = {f.name for f in FAMILIES if not any(re.search(rf"\b{name}\b", text) for name in samples(f))}
    assert unseen <= {"waystation_info"}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_the_runbook_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    runbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"\n### {rule['alert']}\n" in runbook
