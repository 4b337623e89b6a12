"""The rules every family keeps."""

import re

import pytest

from monitor.exposition.catalogue import ESSENTIAL_OF_STREAM, FAMILIES, STREAM_LABELS, Family, family


@pytest.mark.parametrize("each", FAMILIES, ids=lambda each: each.name)
def test_names_types_and_units_agree(each: Family) -> None:
    """Prefix, `_total` on counters and only there, base units as the name's ending, a help that is a sentence."""
    assert re.fullmatch(r"driftgauge_[a-z]+(_[a-z]+)*", each.name)
    assert each.name.endswith("_total") == (each.type == "counter")
    assert not each.unit or each.name.removesuffix("_total").endswith("_" + each.unit)
    assert bool(each.buckets) == (each.type == "histogram")
    assert each.help.endswith(".")
    assert "version" not in each.labels or each.name == "driftgauge_build_info"


def test_names_are_unique() -> None:
    """One family a name."""
    assert len({each.name for each in FAMILIES}) == len(FAMILIES)


def test_a_family_is_found_with_and_without_the_prefix() -> None:
    """Both spellings name the same; an unknown one is an error."""
    assert family("effect") is family("driftgauge_effect")
    assert family("effect").labels == (*STREAM_LABELS, "channel")
    with pytest.raises(KeyError):
        family("efect")


def test_what_drift_alerts_need_is_essential() -> None:
    """These are the last to be left out at the limit of series."""
    names = {each.name for each in ESSENTIAL_OF_STREAM}
    assert {"driftgauge_drift_status", "driftgauge_last_drift_timestamp_seconds"} <= names
