"""KL between two models, against its definition; and as a run's record has it."""

import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench.evaluation.divergence import divergence


def fixed(seed, size=7):
    """Logits that depend on the token alone."""
    table = torch.randn((20, size), generator=torch.Generator().manual_seed(seed)) * 2
    return lambda ids: table[torch.tensor(list(ids))]


def plain(base, tuned, ids):
    p, q = base(ids).double().softmax(-1), tuned(ids).double().softmax(-1)
    return (p * (p / q).log()).sum(-1)


@given(st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=90), min_size=2, max_size=4))
def test_it_is_the_mean_over_all_tokens(texts):
    base, tuned = fixed(1), fixed(2)
    each = [plain(base, tuned, ids) for ids in texts]
    found = divergence(base, tuned, texts)
    assert found.nats == pytest.approx(torch.cat(each).mean().item(), rel=1e-4)
    assert found.tokens == sum(map(len, texts))
    assert divergence(base, base, texts).nats == 0


def test_a_record_has_it_by_task_and_together(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream", epochs=1)
    names = ("sequential", "frozen", "wise-ft", "lora")
    found = {}
    for name in names:
        options = {"wise-ft": {"share": 0}} if name == "wise-ft" else {}
        (outcome,) = small.run_stream(stream, name, model=llama, home=tmp_path / name, options=options)
        found[name] = outcome.record.drift
    assert set(found["sequential"]["kl_tasks"]) == set(small.STREAM_TASKS)
    low, high = min(found["sequential"]["kl_tasks"].values()), max(found["sequential"]["kl_tasks"].values())
    assert 0 < low <= found["sequential"]["kl"] <= high
    assert found["frozen"]["kl"] == 0
    assert found["wise-ft"]["kl"] == 0
    assert found["lora"]["kl"] > found["lora"]["relative_l2"] == 0


def test_a_run_ends_without_it_where_two_models_are_too_much(llama, tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("CUDA out of memory. Tried to allocate 14 GiB")

    monkeypatch.setattr("clbench.engine.distance._by_task", full)
    (outcome,) = small.run_stream(small.write_stream(tmp_path / "stream"), "sequential", model=llama, home=tmp_path)
    record = outcome.record
    assert record.drift["kl"] is None
    assert record.drift["relative_l2"] > 0
    (told,) = [one for one in record.warnings if one.startswith("drift.kl")]
    assert "runtime.drift=false" in told
