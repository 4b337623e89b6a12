"""The dashboards as files: what Grafana needs to load them anywhere, and expressions over metrics that exist."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.exposition.catalogue import FAMILIES
from tools.dashboards.writing import rendered

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/grafana"
NAMES = sorted(path.name for path in (FOLDER / "dashboards").iterdir())

pytestmark = pytest.mark.parametrize("name", NAMES)


def loaded(name: str) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads((FOLDER / "dashboards" / name).read_text())
    return dashboard


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (note["expr"] for note in dashboard["annotations"]["list"])


def test_the_file_is_what_is_written_from_the_code(name: str) -> None:
    """`python -m tools.dashboards deploy/grafana/dashboards` was run after the last change."""
    assert rendered()[name] == (FOLDER / "dashboards" / name).read_text()


def test_grafana_can_load_it_anywhere(name: str) -> None:
    """Classic JSON of one schema, an address that stays, no number of another Grafana's data base."""
    dashboard = loaded(name)
    assert dashboard["schemaVersion"] == 42
    assert dashboard["uid"] == f"driftgauge-{name.removesuffix('.json')}"
    assert dashboard["id"] is None


def test_every_question_goes_to_the_chosen_prometheus(name: str) -> None:
    """Panels, targets, variables and annotations alike: nobody else's data source has our uid."""
    dashboard = loaded(name)
    text = json.dumps(dashboard)
    assert text.count('"datasource": {"type": "prometheus", "uid": "${datasource}"}') == text.count('"datasource": ')
    assert all("datasource" in target for panel in dashboard["panels"] for target in panel.get("targets", []))
    assert dashboard["templating"]["list"][0]["type"] == "datasource"


def test_ranges_follow_the_scrape_interval(name: str) -> None:
    """A fixed range is empty where scrapes are rare: all of them are $__rate_interval."""
    ranges = [found for expression in expressions(loaded(name)) for found in re.findall(r"\[([^]]+)\]", expression)]
    assert ranges
    assert set(ranges) == {"$__rate_interval"}


def test_every_metric_is_in_the_catalogue(name: str) -> None:
    """No panel is left behind by a metric that was renamed."""
    known = {family.name for family in FAMILIES}
    asked = {found for expression in expressions(loaded(name)) for found in re.findall(r"driftgauge_\w+", expression)}
    assert {metric.removesuffix("_bucket") for metric in asked} <= known


def test_panels_have_their_own_place_number_and_words(name: str) -> None:
    """None lies over another or outside the grid, and each says what it shows."""
    panels = loaded(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    assert all(panel["title"] and (panel["type"] == "row" or panel["description"]) for panel in panels)


def test_links_lead_to_dashboards_that_are_shipped(name: str) -> None:
    """Between the two, by their uid."""
    targets = set(re.findall(r"/d/([\w-]+)", json.dumps(loaded(name))))
    assert targets
    assert targets <= {loaded(other)["uid"] for other in NAMES}


def test_provisioning_finds_it_where_compose_mounts_it(name: str) -> None:
    """The folder of the provider is the folder of the mount."""
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/driftgauge.yaml").read_text())["providers"][0]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    target = next(mount.split(":")[1] for mount in mounts if mount.startswith("./deploy/grafana/dashboards:"))
    assert provider["options"]["path"] == target
    assert (FOLDER / "dashboards" / name).is_file()
