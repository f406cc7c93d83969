"""The inner loop against what it stands for: the loss, the gradient, AdamW and the schedules, written out again."""

import contextlib
import math
import random
from types import SimpleNamespace

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import seeding
from clbench.base.errors import RunError
from clbench.data.batches import collate, micro_batches, steps_of_epoch
from clbench.methods.method import Experience, Method
from clbench.training.optimizing import schedule

ONE = Experience(index=1, task="own/word", epochs=1)
KINDS = ("llama", "bos_llama", "gpt2")


@pytest.fixture(params=KINDS)
def folder(request):
    return request.getfixturevalue(request.param)


class Recorder(Method):
    """Keeps the gradients of each step, before clipping."""

    def __init__(self):
        super().__init__()
        self.gradients = []

    def after_backward(self, run):
        self.gradients.append({name: p.grad.clone() for name, p in run.model.named_parameters() if p.grad is not None})


def one_step(folder, *, size=8, **changes):
    """Losses and gradients of one optimizer step over all examples, without dropout."""
    method = Recorder()
    trainer = small.make_trainer(folder, method=method, global_batch=size, **changes)
    for module in trainer.run.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trainer.train(ONE, small.examples(size))
    return trainer.on_step.losses, method.gradients


def written_out(model, encoded):
    """The documented loss, example by example: no padding, all logits, plain cross entropy over answer tokens."""
    total = torch.zeros(())
    for one in encoded:
        ids = torch.tensor(one.ids)
        logits = model(ids[None]).logits[0, :-1]
        start = len(one.ids) - one.num_answer - 1
        total = total + F.cross_entropy(logits[start:], ids[start + 1 :], reduction="sum")
    return total / sum(one.num_answer for one in encoded)


def assert_close(one, other, *, tolerance=1e-6):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value, other[name], rtol=1e-4, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}"
        )


# --- loss and gradient


def test_the_loss_and_its_gradient_are_those_of_the_answer_tokens_alone(folder):
    losses, (gradients,) = one_step(folder, runtime={"micro_batch": 3})
    trainer = small.make_trainer(folder)
    encoded, _ = trainer.encoder.examples(small.examples(8))
    model = trainer.run.model.eval()
    loss = written_out(model, encoded)
    loss.backward()
    assert losses == [pytest.approx(loss.item(), rel=1e-5)]
    assert_close(gradients, {name: p.grad for name, p in model.named_parameters()})


def test_the_loss_that_a_method_is_given_is_the_loops(folder):
    losses, (gradients,) = one_step(folder)
    trainer = small.make_trainer(folder)
    trainer.run.model.eval()
    loss = trainer.run.loss(small.examples(8))
    loss.backward()
    assert losses == [pytest.approx(loss.item(), rel=1e-6)]
    assert_close(gradients, {name: p.grad for name, p in trainer.run.model.named_parameters()})


@pytest.mark.parametrize("micro_batch", [1, 3, 4, 100])
def test_accumulation_changes_nothing_but_rounding(llama, micro_batch):
    losses, (gradients,) = one_step(llama, runtime={"micro_batch": 8})
    others, (other,) = one_step(llama, runtime={"micro_batch": micro_batch})
    assert others == [pytest.approx(losses[0], rel=1e-6)]
    assert_close(gradients, other)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("size", [8, 2])
def test_devices_share_a_step_without_changing_it(llama, world, size):
    """What DDP averages over the ranks is the gradient of one device; a rank may even have no example at all."""

    class Rank(SimpleNamespace):
        num_processes = world
        device = torch.device("cpu")

        def prepare_model(self, model):
            return model

        def no_sync(self, model):
            return contextlib.nullcontext()

        def reduce(self, loss, reduction):
            assert reduction == "mean"
            return loss

    losses, (gradients,) = one_step(llama, size=size)
    ranks = [
        one_step(llama, size=size, runtime={"micro_batch": 2}, accelerator=Rank(process_index=rank))
        for rank in range(world)
    ]
    assert sum(rank_losses[0] for rank_losses, _ in ranks) / world == pytest.approx(losses[0], rel=1e-6)
    average = {name: sum(found[0][name] for _, found in ranks) / world for name in gradients}
    assert_close(gradients, average)


# --- the optimizer


@pytest.mark.parametrize(
    "changes", [{}, {"weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-6, "max_grad_norm": 0.3}]
)
def test_five_steps_are_those_of_bare_torch_bit_for_bit(folder, changes):
    examples = small.examples(10)
    trainer = small.make_trainer(folder, runtime={"micro_batch": 2}, **changes)
    trainer.train(Experience(index=1, task="own/word", epochs=2), examples)

    other = small.make_trainer(folder, **changes)
    model, protocol = other.run.model, other.protocol
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-3, betas=protocol.betas, eps=protocol.eps, weight_decay=protocol.weight_decay
    )
    encoded, _ = other.encoder.examples(examples)
    seeding.seed_global(0, "train", 1)
    model.train()
    steps = [
        [encoded[index] for index in step]
        for epoch in range(2)
        for step in steps_of_epoch(10, global_batch=4, rng=seeding.rng(0, "data", 1, epoch))
    ]
    for step in steps:
        num_answer = sum(one.num_answer for one in step)
        for micro in micro_batches(step, size=2):
            batch = collate(micro, pad=0)
            hidden = model.base_model(input_ids=batch["input_ids"], use_cache=False)[0]
            logits = model.lm_head(hidden.flatten(0, 1)[batch["places"]])
            loss = F.cross_entropy(logits, batch["targets"], reduction="sum")
            (loss * (1 / num_answer)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), protocol.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
    assert trainer.run.step == len(steps) == 6
    for (name, trained), (_, expected) in zip(
        trainer.run.model.named_parameters(), model.named_parameters(), strict=True
    ):
        assert torch.equal(trained, expected), name


def test_gradients_are_clipped_after_the_method_has_seen_them(llama):
    class Check(Recorder):
        def after_step(self, run):
            self.gradients[-1]["norm"] = torch.nn.utils.get_total_norm([p.grad for p in run.model.parameters()])

    method = Check()
    trainer = small.make_trainer(llama, method=method, max_grad_norm=0.25)
    trainer.train(ONE, small.examples(4))
    (gradients,) = method.gradients
    clipped = gradients.pop("norm")
    assert torch.nn.utils.get_total_norm(list(gradients.values())) > 0.3
    assert clipped == pytest.approx(0.25, rel=1e-4)


def test_frozen_parameters_stay_and_are_not_given_to_the_optimizer(llama):
    class Freeze(Method):
        def prepare_model(self, model):
            model.get_input_embeddings().weight.requires_grad_(False)
            return model

    trainer = small.make_trainer(llama, method=Freeze())
    before = trainer.run.model.get_input_embeddings().weight.clone()
    held = {id(p) for group in trainer.run.optimizer.param_groups for p in group["params"]}
    trainer.train(ONE, small.examples(4))
    assert torch.equal(trainer.run.model.get_input_embeddings().weight, before)
    assert id(trainer.run.model.get_input_embeddings().weight) not in held


def test_bf16_computes_over_fp32_masters(folder):
    exact, (gradients,) = one_step(folder)
    rough, (rounded,) = one_step(folder, precision="bf16")
    assert rough[0] != exact[0]
    assert rough == [pytest.approx(exact[0], rel=0.05)]
    trainer = small.make_trainer(folder, precision="bf16", learning_rate=1e-4)
    before = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}
    trainer.train(ONE, small.examples(4))
    for name, parameter in trainer.run.model.named_parameters():
        assert parameter.dtype == rounded[name].dtype == gradients[name].dtype == torch.float32
        assert (parameter - before[name]).abs().max() < 2e-4, "a step smaller than bf16 can tell arrives"
        assert not torch.equal(parameter, before[name])


def test_a_loss_that_is_no_number_stops_the_run_and_says_what_to_do(llama):
    trainer = small.make_trainer(llama)
    trainer.train(ONE, small.examples(8))
    with torch.no_grad():
        trainer.run.model.lm_head.weight[5, 5] = float("nan")
    with pytest.raises(RunError, match=r"the loss is nan at optimizer step 3: .*protocol\.learning_rate") as error:
        trainer.train(ONE, small.examples(8))
    assert error.value.exit_code == 1
    assert trainer.run.step == 2


def test_a_gradient_that_is_no_number_never_reaches_the_weights(llama):
    class Spoil(Method):
        def after_backward(self, run):
            run.model.lm_head.weight.grad[0, 0] = math.inf

    trainer = small.make_trainer(llama, method=Spoil())
    with pytest.raises(RunError, match=r"gradient is none \(inf\) at optimizer step 1"):
        trainer.train(ONE, small.examples(4))
    assert all(p.isfinite().all() for p in trainer.run.model.parameters())


# --- schedules


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("constant", 0.0, [1, 1, 1, 1, 1, 1, 1, 1]),
        ("constant", 0.5, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        ("cosine", 0.0, [0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]),
        ("cosine", 0.25, [0.5, 1, *(0.5 * (1 + math.cos(math.pi * k / 6)) for k in range(6))]),
    ],
)
def test_schedules_have_their_closed_forms(kind, warmup, expected):
    factors = [schedule(done, total=8, kind=kind, warmup_ratio=warmup) for done in range(8)]
    assert factors == pytest.approx(expected)


@given(st.integers(1, 300), st.sampled_from(["constant", "cosine"]), st.floats(0, 0.99), st.integers(0, 400))
def test_no_schedule_leaves_its_range(total, kind, warmup, done):
    assert 0 <= schedule(done, total=total, kind=kind, warmup_ratio=warmup) <= 1
    assert schedule(0, total=total, kind=kind, warmup_ratio=warmup) > 0


@pytest.mark.parametrize(
    ("span", "expected"),
    [("experience", [0.5, 1, 1, 0.5, 1, 1]), ("stream", [1 / 3, 2 / 3, 1, 1, 1, 1])],
)
def test_a_schedule_spans_the_stream_or_each_experience(llama, span, expected):
    trainer = small.make_trainer(
        llama, planned_steps=6, schedule_span=span, warmup_ratio=0.5, learning_rate=1e-3, global_batch=2
    )
    for index in (1, 2):
        trainer.train(Experience(index=index, task="own/word", epochs=1), small.examples(6))
    assert trainer.on_step.rates == pytest.approx([1e-3 * factor for factor in expected])


def test_groups_of_unlike_rates_follow_the_schedule_in_proportion(llama):
    class TwoRates(Method):
        seen = []

        def make_optimizer(self, named_params, run):
            params = [p for _, p in named_params]
            return torch.optim.SGD([{"params": params[:1], "lr": 0.02}, {"params": params[1:]}], lr=0.01)

        def after_step(self, run):
            self.seen.append([group["lr"] for group in run.optimizer.param_groups])

    trainer = small.make_trainer(
        llama, method=TwoRates(), schedule="cosine", planned_steps=2, learning_rate=0.01, global_batch=3
    )
    trainer.train(ONE, small.examples(6))
    assert TwoRates.seen == [pytest.approx([0.02, 0.01]), pytest.approx([0.01, 0.005])]
    assert trainer.on_step.rates == pytest.approx([0.01, 0.005])


def test_a_group_that_a_method_adds_later_follows_the_schedule_too(llama):
    class Grows(Method):
        def make_optimizer(self, named_params, run):
            (_, self.late), *first = named_params
            return torch.optim.SGD([p for _, p in first], lr=0.01)

        def after_step(self, run):
            if run.step == 1:
                run.optimizer.add_param_group({"params": [self.late], "lr": 0.04})

    trainer = small.make_trainer(
        llama, method=Grows(), schedule="cosine", planned_steps=3, learning_rate=0.01, global_batch=3
    )
    trainer.train(ONE, small.examples(9))
    assert [group["lr"] for group in trainer.run.optimizer.param_groups] == pytest.approx([0.0025, 0.01])


# --- the method's part


def test_a_method_is_called_in_the_documented_order(llama):
    calls = []

    class Spy(Method):
        def prepare_model(self, model):
            calls.append("prepare_model")
            return model

        def make_optimizer(self, named_params, run):
            calls.append("make_optimizer")
            assert all(p.requires_grad for _, p in named_params)

        def extra_loss(self, run, batch, output):
            calls.append("extra_loss")
            assert output.logits.shape == (*batch["targets"].shape, 320)
            assert batch["labels"][batch["labels"] != -100].tolist() == batch["targets"].tolist()

        def after_backward(self, run):
            calls.append("after_backward")
            assert all(p.grad is not None for p in run.model.parameters())

        def after_step(self, run):
            calls.append("after_step")
            assert run.step == calls.count("after_step")

    trainer = small.make_trainer(llama, method=Spy(), runtime={"micro_batch": 2})
    trainer.train(ONE, small.examples(6))
    step = ["extra_loss", "extra_loss", "after_backward", "after_step"]
    assert calls == ["prepare_model", "make_optimizer", *step, "extra_loss", "after_backward", "after_step"]


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_an_extra_loss_is_a_mean_over_the_step_however_it_is_cut(llama, micro_batch):
    class Pull(Recorder):
        """Half the squared norm of the parameters: its gradient is the parameters themselves."""

        def extra_loss(self, run, batch, output):
            return sum(0.5 * (p**2).sum() for p in run.model.parameters())

    plain = Recorder()
    small.make_trainer(llama, method=plain, global_batch=8).train(ONE, small.examples(8))
    pulled = Pull()
    trainer = small.make_trainer(llama, method=pulled, global_batch=8, runtime={"micro_batch": micro_batch})
    start = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}
    trainer.train(ONE, small.examples(8))
    assert_close({name: plain.gradients[0][name] + start[name] for name in start}, pulled.gradients[0], tolerance=1e-5)


def test_the_order_of_the_data_does_not_depend_on_what_a_method_draws(llama):
    class Watch(Method):
        def __init__(self):
            super().__init__()
            self.seen = []

        def extra_loss(self, run, batch, output):
            self.seen.append(batch["input_ids"].tolist())

    class Draw(Watch):
        def after_step(self, run):
            torch.rand(17)
            random.random()
            run.rng("draw").random()

    found = []
    for method in (Watch(), Draw()):
        trainer = small.make_trainer(llama, method=method, runtime={"micro_batch": 4})
        for index in (1, 2):
            trainer.train(Experience(index=index, task="own/word", epochs=2), small.examples(8))
        found.append(method.seen)
    assert found[0] == found[1]
    assert len(found[0]) == 8
    assert len({str(batch) for batch in found[0]}) == 8, "each epoch has an order of its own"


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_same_seed_trains_the_same_model_and_another_seed_another(request, kind):
    """With dropout too (GPT-2): the global generators are seeded, whatever was drawn before."""

    def trained(seed):
        torch.rand(random.randint(1, 50))
        trainer = small.make_trainer(request.getfixturevalue(kind), seed=seed)
        trainer.train(ONE, small.examples(8))
        return torch.cat([p.detach().flatten() for p in trainer.run.model.parameters()]), trainer.on_step.losses

    one, same, other = trained(1), trained(1), trained(2)
    assert torch.equal(one[0], same[0])
    assert one[1] == same[1]
    assert not torch.equal(one[0], other[0])


# --- counts and warnings


def test_what_was_cut_is_counted_as_warnings(llama):
    trainer = small.make_trainer(llama, max_prompt_tokens=20, max_answer_tokens=2)
    examples = small.examples(8)
    wide = small.make_trainer(llama, max_prompt_tokens=1000, max_answer_tokens=1000)
    encoded, _ = wide.encoder.examples(examples)
    trainer.train(ONE, examples)
    assert trainer.run.warnings == {
        "own/word: training examples prompt_truncated": sum(len(one.ids) - one.num_answer > 20 for one in encoded),
        "own/word: training examples answer_truncated": sum(one.num_answer > 3 for one in encoded),
    }
    wide.train(ONE, examples)
    assert wide.run.warnings == {}


class Stranger(Method):
    """Adds the stream's own example and another one, whose answer is too long, to every batch."""

    def batch_data(self, run, batch):
        return [*batch, small.examples(8)[0], small.Example("own/word", "of another", "and longer than it may be")]


def test_what_is_cut_of_a_methods_examples_is_counted_alike_when_a_run_goes_on(llama):
    counted = []
    for pieces in ((0,), (0, 2)):
        warnings = {}
        for start in pieces:
            trainer = small.make_trainer(llama, method=Stranger(), global_batch=2, max_answer_tokens=2)
            trainer.own = frozenset(small.examples(8))
            trainer.run.warnings, trainer.run.experience = warnings, ONE
            stop = 4 if start == pieces[-1] else 2
            until(trainer, stop=stop, start=start)
        counted.append(warnings["examples of a method: training examples answer_truncated"])
    assert counted == [4, 4], "each of the four steps, not each of its examples"


def until(trainer, *, stop, start):
    """Train from one step to another, as a run does that is cut off."""

    class CutError(Exception):
        pass

    def cut(done):
        if done.done == stop:
            raise CutError

    trainer.on_step = cut
    with pytest.raises(CutError):
        trainer.train(ONE, small.examples(8), start=start)


def test_what_a_tokenizer_would_join_is_said_in_words(llama):
    trainer = small.make_trainer(llama)
    known = sorted(trainer.encoder.tokenizer.get_vocab())
    token = next(one for one in known if len(one) > 1 and one.isascii() and one.isalpha())
    trainer.train(ONE, [small.Example("own/word", f"\n{token[0]}", token[1:])] * 2)
    (text,) = trainer.run.warnings
    assert text.endswith("begins with a token of its own, which the tokenizer would have joined to the prompt")


def test_costs_are_counted_without_padding(llama):
    trainer = small.make_trainer(llama)
    examples = small.examples(10)
    encoded, _ = trainer.encoder.examples(examples)
    trainer.train(Experience(index=1, task="own/word", epochs=3), examples)
    counts = trainer.counts
    assert counts.steps == trainer.run.step == 9
    assert counts.examples == 30
    assert counts.tokens == 3 * sum(len(one.ids) for one in encoded)
    assert counts.answer_tokens == 3 * sum(one.num_answer for one in encoded)


# --- rows, weights, a loss of the method's own


class Rows(Method):
    """Trains on rows that it makes itself, of given weights."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = weights

    def batch_data(self, run, batch):
        weights = None if self.weights is None else self.weights[: len(batch)]
        return run.encode(batch, [one.answer for one in batch], weights=weights)


def losses_of(llama, method, **more):
    trainer = small.make_trainer(llama, method=method, **more)
    trainer.train(ONE, small.examples(8))
    return trainer.on_step.losses, trainer


def test_rows_of_the_references_are_the_examples_bit_for_bit(llama):
    assert losses_of(llama, Rows())[0] == losses_of(llama, Method())[0]


@pytest.mark.parametrize("micro_batch", [3, 16])
def test_weights_multiply_the_losses_of_their_rows(llama, micro_batch):
    weights = [1.0, -0.5, 0.0, 2.0]
    trainer = small.make_trainer(llama, method=Rows(weights), runtime={"micro_batch": micro_batch})
    some = small.examples(4)
    rows = trainer.run.encode(some, [one.answer for one in some], weights=weights)
    each = [-one.sum() for one in trainer.run.logprobs(some, [one.answer for one in some])]
    wanted = sum(w * one for w, one in zip(weights, each, strict=True)) / sum(one.num_answer for one in rows)
    found = trainer.accumulator.gradient(rows)
    torch.testing.assert_close(found, wanted.detach())


class Own(Method):
    """The mean over rows of each row's mean loss."""

    def own_loss(self, run, batch, output):
        parts = output.likelihoods(batch["targets"]).split([one.num_answer for one in run.rows])
        return -torch.stack([part.mean() for part in parts]).mean()


@pytest.mark.parametrize("micro_batch", [3, 16])
def test_a_loss_of_its_own_is_a_mean_over_the_rows_however_the_step_is_cut(llama, micro_batch):
    trainer = small.make_trainer(llama, method=Own(), runtime={"micro_batch": micro_batch})
    some = small.examples(8)
    each = trainer.run.logprobs(some, [one.answer for one in some])
    wanted = -torch.stack([one.mean() for one in each]).mean()
    rows = trainer.encoder.examples(some)[0]
    torch.testing.assert_close(trainer.accumulator.gradient(rows), wanted.detach())


class Nothing(Method):
    """Has nothing to train on in every second step."""

    def batch_data(self, run, batch):
        return batch if run.step % 2 else []


def test_a_step_without_anything_changes_nothing_and_is_counted(llama):
    trainer = small.make_trainer(llama, method=Nothing())
    told = []
    trainer.on_step = told.append
    before = {name: p.clone() for name, p in trainer.run.model.named_parameters()}
    trainer.step([], rate=1e-3, done=1)
    assert all(p.equal(before[name]) for name, p in trainer.run.model.named_parameters())
    trainer.train(ONE, small.examples(12))
    assert [one.tokens > 0 for one in told] == [False, True, False, True]
    assert [one.done for one in told] == [1, 1, 2, 3]
    assert trainer.counts.steps == 2
    assert trainer.run.warnings == {"training: steps without anything to train on": 2}


def test_a_loss_on_whole_texts_is_that_of_labels_which_keep_the_first_padding_token(folder):
    """As PEFT's method comparison makes them: all tokens, and the padding token behind a text as its end."""
    (loss,), (gradients,) = one_step(folder, loss="text", end_of_text="padded")
    trainer = small.make_trainer(folder, method=Method(), global_batch=8)
    model, end = trainer.run.model.eval(), trainer.encoder.end
    texts = [list(one.ids[:-1]) for one in trainer.encoder.examples(small.examples(8))[0]]
    width = max(map(len, texts))
    ids = torch.tensor([[*text, *[end] * (width - len(text))] for text in texts])
    labels = ids.clone()
    for row, text in zip(labels, texts, strict=True):
        row[len(text) + 1 :] = -100
    model.zero_grad()
    expected = model(ids, labels=labels).loss
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for name, parameter in model.named_parameters():
        assert torch.allclose(gradients[name], parameter.grad, atol=2e-6), name
