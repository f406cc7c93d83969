"""`runtime.compile`: the same losses to rounding, one graph for all blocks and lengths, nothing compiled elsewhere."""

import shutil
from functools import partial

import pytest
import small
import torch

from clbench.base.errors import RunError
from clbench.methods.method import Experience
from clbench.models.bearing.padding import Padding
from clbench.models.compiling import Compiled
from clbench.models.layers import blocks

llama = small.llama
ONE = Experience(index=1, task="own/word", epochs=1)
FAR = Padding(packing=2**31)


@pytest.fixture
def graphs(monkeypatch):
    """What would be compiled; here it runs as it is, so that no compiler is needed."""
    seen = []

    def backend(graph, inputs):
        seen.append(graph)
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    yield seen
    torch._dynamo.reset()


def losses(llama, *, compiled, packing="off", **protocol):
    how = {"compile": compiled, "packing": packing, "micro_batch": 3}
    trainer = small.make_trainer(llama, runtime=how, padding=FAR, global_batch=8, **protocol)
    trainer.train(ONE, small.examples(20))
    return trainer.on_step.losses, trainer


@pytest.mark.parametrize("packing", ["off", "on"])
def test_a_compiled_run_is_the_same_to_rounding_and_few_graphs_serve_all_lengths(llama, graphs, packing):
    plain, _ = losses(llama, compiled=False, packing=packing)
    assert graphs == []
    found, trainer = losses(llama, compiled=True, packing=packing)
    assert found == pytest.approx(plain, rel=1e-5)
    assert 0 < len(graphs) <= 4, "not one for each block and length"
    assert all("forward" not in block.__dict__ for _, block in blocks(trainer.run.model))


def test_only_passes_with_a_gradient_are_compiled(llama, graphs):
    _, trainer = losses(llama, compiled=True)
    graphs.clear()
    torch._dynamo.reset()
    trainer.run.loss(small.examples(3))
    trainer.run.generate(small.examples(2), max_new_tokens=3)
    assert graphs == []


def test_a_block_with_a_forward_of_its_own_gets_it_back(graphs):
    model = small.make_llama(64)
    ((_, first), *_) = blocks(model)
    first.forward = own = first.forward
    with Compiled(model).passing():
        assert first.forward is not own
    assert first.__dict__["forward"] is own


def test_a_model_without_blocks_is_refused(graphs):
    with pytest.raises(RunError, match=r"runtime\.compile: the model has no list of blocks"):
        Compiled(torch.nn.Linear(2, 2))


def test_where_torch_cannot_compile_that_is_one_line(llama, monkeypatch):
    def broken(graph, inputs):
        raise OSError("no compiler\nat all")

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    with pytest.raises(
        RunError, match=r"runtime.compile: torch cannot compile .*no compiler.*; leave it out"
    ) as caught:
        losses(llama, compiled=True)
    assert "\n" not in str(caught.value)
    torch._dynamo.reset()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler, which torch compiles with on a CPU")
def test_what_torch_makes_of_the_blocks_is_the_same_to_rounding(llama):
    torch._dynamo.reset()
    assert losses(llama, compiled=True)[0] == pytest.approx(losses(llama, compiled=False)[0], rel=1e-5)
