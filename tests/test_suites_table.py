"""docs/other-suites.md is what its YAML says, and every name of ours in it is one."""

import pytest
from suites_table import PAGE, content, page

from clbench.metrics.summaries import SUMMARIES
from clbench.plugins.registry import registry

for _package in ("adapters", "avalanche", "gem", "loramoe", "merge", "mofo", "onpolicy", "peft", "penalty", "replay"):
    pytest.importorskip(f"clbench_{_package}")  # the page has them all
LEFT_OUT = {"cl-moe", "mbpa++", "lfpt5"}  # others have these, we do not (docs/log.md says why); `–` on the page


def test_the_page_is_written_from_its_source():
    assert PAGE.read_text(encoding="utf-8") == page(content())


def test_names_of_methods_streams_and_metrics_are_ours():
    claims, found = content(), registry()
    methods = {one["clbench"] for one in claims["methods"].values()}
    assert methods - set(found.methods.entries) == LEFT_OUT
    streams = {one["clbench"] for one in claims["streams"].values() if "clbench" in one}
    assert streams <= set(found.catalog().stream_paths)
    assert set(claims["metrics"]) <= {one.name for one in SUMMARIES}


def test_every_claim_is_of_a_suite_that_is_named():
    claims = content()
    suites = set(claims["suites"]) | {"clbench"}
    assert all(set(where) <= suites for part in ("methods", "streams", "metrics") for where in claims[part].values())
    assert {one["suite"] for one in claims["faults"]} <= suites
    assert all(one["where"] and one["seen"] in ("ran it", "read it", "compared them") for one in claims["faults"])
