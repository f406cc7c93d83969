"""What is free, what a token costs, and what is done where memory was not enough."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench.methods.method import Experience
from clbench.models import memory

CPU = torch.device("cpu")
ONE = Experience(index=1, task="own/word", epochs=1)


# --- what is free


def group(folder, *, most, used, droppable=0):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {droppable}\n")


def test_every_control_group_above_a_process_counts(tmp_path):
    own = tmp_path / "own"
    own.write_text("12:cpuset:/elsewhere\n0::/job/step\n")
    group(tmp_path / "cg" / "job" / "step", most="max", used=70)
    group(tmp_path / "cg" / "job", most=100, used=80, droppable=15)
    group(tmp_path / "cg", most=1000, used=90)
    group(tmp_path, most=1, used=0)
    assert list(memory._groups(tmp_path / "cg", own)) == [35, 910]


def test_without_control_groups_nothing_is_said(tmp_path):
    own = tmp_path / "own"
    assert list(memory._groups(tmp_path, own)) == []
    own.write_text("3:memory:/old\n")
    assert list(memory._groups(tmp_path, own)) == []
    own.write_text("0::/gone\n")
    assert list(memory._groups(tmp_path, own)) == []


def said_by(code):
    """Words that a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited there")
def test_a_limited_address_space_counts():
    code = (
        "import resource, torch\nfrom clbench.models import memory\nimport psutil\n"
        "limit = psutil.Process().memory_info().vms + 2**28\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "print(memory.free(torch.device('cpu')) <= 2**28, memory.budget(torch.device('cpu')) <= 2**27)\n"
    )
    assert said_by(code) == ["True", "True"]


@given(st.integers(0, 2**45))
def test_a_budget_is_a_power_of_two_of_at_most_half(free):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free", lambda device: free)
        asked, learned = memory.budget(CPU), memory.budget(CPU, learning=True)
    assert learned.bit_count() == asked.bit_count() == 1
    assert asked == min(learned, memory.MOST)
    assert learned == 2**20 or free / 4 < learned <= free / 2


def test_several_processes_plan_alike_whatever_each_has_free(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    found = set()
    for free in (2**20, 2**33):
        monkeypatch.setattr(memory, "free", lambda device, free=free: free)
        found.add(memory.budget(CPU, learning=True))
    assert len(found) == 1


# --- what a token costs


def test_costs_are_those_of_the_shape():
    config = SimpleNamespace(
        hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, intermediate_size=1536
    )
    config.get_text_config = lambda: config
    config._attn_implementation = "sdpa"
    costs = memory.costs(SimpleNamespace(config=config), width=100)
    assert costs.cached - costs.read == 2 * 2 * 30 * 3 * 64 * 4, "keys and values of 3 heads of 64, in fp32, and a copy"
    assert costs.read >= 4 * (8 * 576 + 3 * 1536)
    assert costs.read < costs.learned / 30 < 2 * costs.read
    assert memory.costs(SimpleNamespace(config=config), width=100, half=True).learned < costs.learned
    fewer = memory.costs(SimpleNamespace(config=config), width=100, recomputed=True)
    assert fewer.learned < costs.learned / 10
    config._attn_implementation = "eager"
    longer = memory.costs(SimpleNamespace(config=config), width=200)
    assert longer.read - memory.costs(SimpleNamespace(config=config), width=100).read == 3 * 4 * 9 * 100


# --- where it was not enough


def exhaust():
    torch.empty(2**52)  # the allocator's own message


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried …"), RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")]
)
def test_errors_of_memory_are_known(error):
    assert memory.is_exhausted(error)
    assert not memory.is_exhausted(ValueError("out of memory"))
    assert not memory.is_exhausted(RuntimeError("shapes do not fit"))


def test_the_cpus_own_error_is_known():
    with pytest.raises(RuntimeError) as found:
        exhaust()
    assert memory.is_exhausted(found.value)


@given(st.integers(1, 40), st.integers(1, 40))
def test_all_are_asked_once_in_order_whatever_fits(number, fits):
    told = []

    def ask(some):
        if len(some) > fits:
            exhaust()
        return [10 * item for item in some]

    items = list(range(number))
    assert memory.in_halves(items, ask, warn=told.append) == [10 * item for item in items]
    assert bool(told) == (number > fits)


def test_what_fits_nowhere_and_what_is_another_error_is_raised():
    with pytest.raises(RuntimeError, match="allocate"):
        memory.in_halves([1, 2], lambda some: exhaust(), warn=lambda message: None)
    with pytest.raises(ZeroDivisionError):
        memory.in_halves([1, 2], lambda some: [1 // 0], warn=lambda message: None)


# --- in training and asking


def limited(trainer, rows):
    """The model refuses batches of more rows, as a full device does; some only on the way back."""

    def refuse(module, args, more):
        if more["input_ids"].shape[0] > rows + 1:
            exhaust()

    def late(module, args, output):
        if output.shape[0] > rows:
            output.register_hook(lambda grad: exhaust())

    trainer.run.model.register_forward_pre_hook(refuse, with_kwargs=True)
    trainer.run.model.get_input_embeddings().register_forward_hook(late)
    return trainer


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.run.model.parameters()])


@pytest.mark.parametrize("rows", [1, 3])
def test_training_goes_on_in_smaller_micro_batches_with_the_same_result(llama, rows):
    plain = small.make_trainer(llama, global_batch=8)
    plain.train(ONE, small.examples(16))
    tight = limited(small.make_trainer(llama, global_batch=8, runtime={"micro_batch": 8}), rows)
    tight.train(ONE, small.examples(16))
    assert tight.on_step.losses == pytest.approx(plain.on_step.losses, rel=1e-5)
    torch.testing.assert_close(weights(tight), weights(plain), rtol=1e-3, atol=1e-4)
    assert "memory was not enough for a batch of 8: smaller ones were made" in tight.run.warnings
    assert set(tight.run.warnings.values()) == {1}, "found once, and kept to"


def test_gradients_for_memories_too(llama):
    plain, tight = small.make_trainer(llama), limited(small.make_trainer(llama), 2)
    expected = plain.run.gradients(small.examples(9))
    for name, gradient in tight.run.gradients(small.examples(9)).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5)


def test_a_batch_that_was_planned_too_small_changes_no_training(llama, monkeypatch):
    seen = []
    plain = small.make_trainer(llama, global_batch=8)
    plain.train(ONE, small.examples(8))
    monkeypatch.setattr(memory, "room", lambda *_, **__: 100)
    tight = small.make_trainer(llama, global_batch=8)
    tight.run.model.register_forward_pre_hook(
        lambda _, __, more: seen.append(more["input_ids"].shape), with_kwargs=True
    )
    tight.train(ONE, small.examples(8))
    assert len(seen) > 1
    assert all(rows == 1 or rows * width <= 100 for rows, width in seen)
    assert tight.on_step.losses == pytest.approx(plain.on_step.losses, rel=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_what_is_free_goes_back_to_the_system():
    """Blocks that are freed below one that is in use stay the process's, until they are given back."""
    code = (
        "import psutil, torch\n"
        "from clbench.models import memory\n"
        "held = lambda: psutil.Process().memory_info().rss / 2**20\n"
        "before, blocks = held(), [bytearray(b'x') * 60_000 for _ in range(4_000)]\n"
        "full, last = held(), blocks[-1]\n"
        "del blocks\n"
        "memory.release()\n"
        "print(full - before > 200, held() - before < 50)\n"
    )
    assert said_by(code) == ["True", "True"]
