"""A stream as an Avalanche benchmark, trained by Avalanche's own strategies."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import small
import torch

from clbench.base.errors import UnknownNameError
from clbench.data.tokenising import Encoder
from clbench.spec.protocol import Protocol, Runtime
from clbench.training.batching import Batching
from clbench.training.losses import Losses
from clbench_avalanche.benchmark import benchmark
from clbench_avalanche.tokens import CausalLM, collator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("avalanche_package"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:avalanche.*", "ignore:No loggers specified"),
]


@pytest.fixture(scope="module")
def made(avalanche_package, tmp_path_factory):
    path = small.write_stream(tmp_path_factory.mktemp("data") / "stream")
    return benchmark(
        str(path),
        tokenizer=small.byte_level(),
        train_examples=5,
        protocol={"epochs": dict(zip(small.STREAM_TASKS, (3, 1, 2), strict=True))},
    )


def strategy(kind, *, evaluator=None, **more):
    torch.manual_seed(0)
    model = CausalLM(small.make_llama(320))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    criterion = torch.nn.CrossEntropyLoss()
    return kind(
        model=model,
        optimizer=optimizer,
        criterion=criterion,
        train_mb_size=2,
        train_epochs=8,
        evaluator=evaluator,
        **more,
    )


def loss(model, experience):
    loader = torch.utils.data.DataLoader(experience.dataset, batch_size=8, collate_fn=experience.dataset.collate_fn)
    (batch,) = loader
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(model(batch[0]), batch[1]).item()


def test_each_experience_holds_its_own_task(made):
    assert (len(made.train_stream), len(made.test_stream)) == (3, 3)
    assert [one.task_name for one in made.train_stream] == list(small.STREAM_TASKS)
    assert [one.task_label for one in made.test_stream] == [0, 1, 2]
    assert [one.epochs for one in made.train_stream] == [3, 1, 2]
    for split, many in ((made.train_stream, 5), (made.test_stream, 3)):
        for label, experience in enumerate(split):
            assert len(experience.dataset) == many
            assert {one.task for one, _ in experience.dataset} == {small.STREAM_TASKS[label]}
            assert {given for _, given in experience.dataset} == {label}


def test_the_generated_trace_stream(avalanche_package):
    made = benchmark(tokenizer=small.byte_level(), train_examples=2, test_examples=1, order="order2")
    names = [one.task_name for one in made.train_stream]
    assert len(names) == 8
    assert (names[0], names[-1]) == ("trace/numglue-cm", "trace/scienceqa")


def test_the_loss_is_clbenchs():
    examples, encoder = small.examples(4), Encoder(small.byte_level(), max_prompt=64, max_answer=8)
    model = small.make_llama(320).eval()
    batching = Batching(model, encoder.pad, Protocol(), Runtime(), torch.device("cpu"))
    ours = Losses(model, encoder=encoder, protocol=Protocol(), device="cpu", batching=batching).loss(examples)
    items = [[one, 7] for one in encoder.examples(examples)[0]]
    x, y, t = collator(pad=encoder.pad)(items)
    theirs = torch.nn.CrossEntropyLoss()(CausalLM(model)(x.to("cpu")), y)
    assert (len(x), len(y), t.tolist()) == (4, sum(one.num_answer for one, _ in items), [7] * len(y))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_naive_learns_two_experiences(made):
    from avalanche.training import Naive

    naive = strategy(Naive)
    for experience in made.train_stream[:2]:
        before = loss(naive.model, experience)
        naive.train(experience)
        assert loss(naive.model, experience) < 0.5 * before
    assert naive.clock.train_iterations == 2 * 8 * 3


def test_ewc_and_accuracy_work_unchanged(made):
    from avalanche.evaluation.metrics import accuracy_metrics
    from avalanche.training import EWC
    from avalanche.training.plugins import EvaluationPlugin

    ewc = strategy(EWC, ewc_lambda=10.0, evaluator=EvaluationPlugin(accuracy_metrics(experience=True)))
    for experience in made.train_stream[:2]:
        ewc.train(experience)
    assert loss(ewc.model, made.train_stream[1]) < 2
    measured = ewc.eval(made.test_stream)
    assert len(measured) == 3
    assert all(0 <= value <= 1 for value in measured.values())
    assert len(ewc.plugins[0].importances) == 2


@pytest.mark.parametrize(("name", "more"), [("Replay", {"mem_size": 4}), ("MAS", {}), ("Cumulative", {})])
def test_other_strategies_run_unchanged(made, name, more):
    from avalanche import training

    learner = strategy(getattr(training, name), **more)
    assert loss(learner.model, made.train_stream[1]) > 4
    with warnings.catch_warnings(record=True):  # Avalanche's own deprecations, which set a filter of their own
        for experience in made.train_stream[:2]:
            learner.train(experience)
    assert loss(learner.model, made.train_stream[1]) < 2.0


def test_the_readmes_example_runs(capsys):
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    assert "Top1_Acc_Exp/eval_phase/test_stream" in capsys.readouterr().out


def test_an_unknown_stream_is_refused():
    with pytest.raises(UnknownNameError, match="no stream 'trase'"):
        benchmark("trase", tokenizer=None)
