"""O-LoRA's streams: orders, options, and that `mini` asks in the words of the files' forms."""

import pytest

from clbench.data.mini import records
from clbench.plugins.registry import registry

CLASSES = {"cl-4": 4, "cl-5": 5, "cl-15": 15}


@pytest.fixture(scope="module")
def catalog():
    return registry().catalog()


@pytest.mark.parametrize(("name", "orders"), [("cl-4", 3), ("cl-5", 4), ("cl-15", 2)])
def test_orders_are_permutations_and_published(catalog, name, orders):
    stream = catalog.stream(name).stream
    assert len(stream.task_names) == CLASSES[name]
    assert len({stream.task_names, *stream.orders.values()}) == orders


def test_o_loras_first_order(catalog):
    assert catalog.stream("cl-4").stream.task_names == ("cl/dbpedia", "cl/amazon", "cl/yahoo", "cl/agnews")
    assert catalog.stream("cl-15").stream.orders["order5"][0] == "cl/mnli"


@pytest.mark.parametrize("slug", ["agnews", "amazon", "yelp", "dbpedia", "yahoo"])
def test_generated_and_real_records_are_asked_alike(catalog, slug):
    task = catalog.stream("cl-5").tasks[f"cl/{slug}"]
    head = task.forms[0].prompt.partition("{{")[0]
    options = head.partition("Options: ")[2].strip().split(", ")
    for one in records(slug, split="train", size=40):
        assert one["prompt"].startswith(head)
        assert one["prompt"].endswith("\nAnswer:")
        assert one["answer"] in options
