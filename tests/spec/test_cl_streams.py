"""O-LoRA's streams: orders, options, and that `mini` asks in the words of the files' forms."""

import pytest

from clbench.data.mini import records
from clbench.plugins.registry import registry

CLASSES = {"cl-4": 4, "cl-5": 5, "cl-15": 15}


@pytest.fixture(scope="module")
def catalog():
    return registry().catalog()


@pytest.mark.parametrize(("name", "orders"), [("cl-4", 3), ("cl-5", 4), ("cl-15", 3)])
def test_orders_are_permutations_and_published(catalog, name, orders):
    stream = catalog.stream(name).stream
    assert len(stream.task_names) == CLASSES[name]
    assert len({stream.task_names, *stream.orders.values()}) == orders


def test_o_loras_first_order(catalog):
    assert catalog.stream("cl-4").stream.task_names == ("cl/dbpedia", "cl/amazon", "cl/yahoo", "cl/agnews")


def test_the_long_orders_are_those_of_the_papers_appendix(catalog):
    stream = catalog.stream("cl-15").stream
    begin = {name: [one.removeprefix("cl/") for one in tasks[:3]] for name, tasks in stream.orders.items()}
    assert begin == {
        "order4": ["mnli", "cb", "wic"],
        "order5": ["multirc", "boolqa", "wic"],
        "order6": ["yelp", "amazon", "mnli"],
    }
    assert stream.order_of(None) == stream.order_of("order1") == ("order4", stream.task_names)
    assert catalog.stream("cl-4").stream.order_of(None)[0] == "order1"


def test_sapts_orders_hold_the_same_tasks(catalog):
    stream = catalog.stream("superni").stream
    assert (len(stream.task_names), stream.task_names[0], stream.orders["order2"][0]) == (
        15,
        "superni/task1572",
        "superni/task748",
    )
    assert len(catalog.stream("absa").stream.task_names) == 19


@pytest.mark.parametrize("slug", ["agnews", "amazon", "yelp", "dbpedia", "yahoo"])
def test_generated_and_real_records_are_asked_alike(catalog, slug):
    task = catalog.stream("cl-5").tasks[f"cl/{slug}"]
    head = task.forms[0].prompt.partition("{{")[0]
    options = head.partition("Options: ")[2].strip().split(", ")
    for one in records(slug, split="train", size=40):
        assert one["prompt"].startswith(head)
        assert one["prompt"].endswith("\nAnswer:")
        assert one["answer"] in options
