"""An engine is believed when it has shown that it gives the model's own answers; else the next is asked, and said."""

import types
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import small
import torch

from clbench.base.errors import RunError
from clbench.evaluation.engines import checking, choosing, vllm
from clbench.evaluation.engines.continuous import Continuous
from clbench.evaluation.engines.engine import Batch, Place, until_end
from clbench.evaluation.engines.greedy import Greedy
from clbench.evaluation.engines.hf import Generate
from clbench.evaluation.evaluator import AT_ONCE, Evaluator, at_once

CPU = Place(torch.device("cpu"), pad=0, precision="fp32", loose=1e-3)
LIMIT = 6
PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12], [13, 14, 15], [5, 6, 7, 9]]


@pytest.fixture
def trainer(llama):
    return small.make_trainer(llama, max_answer_tokens=LIMIT)


@pytest.fixture
def model(trainer):
    return trainer.run.model.eval()


def engines(wanted, said, **more):
    return choosing.Engines(wanted, CPU, warn=said.append, **more)


def written(model, batch):
    return [until_end(row, batch.ends).whole for row in Generate(CPU).write(model, batch)]


@pytest.mark.parametrize(("wanted", "used"), [("auto", "greedy"), ("greedy", "greedy"), ("hf", "hf")])
def test_who_writes(model, wanted, used):
    said = []
    found = engines(wanted, said)
    batch = Batch(PROMPTS, LIMIT)
    with torch.inference_mode():
        assert [tuple(row) for row in found.write(model, batch)] == written(model, batch)
    assert list(found.used) == [used]
    assert said == []


def test_what_is_drawn_is_written_by_transformers(model):
    found = engines("auto", [])
    with torch.inference_mode():
        found.write(model, Batch(PROMPTS, LIMIT, draw=lambda ids, scores: scores))
    assert list(found.used) == ["hf"]


@pytest.mark.parametrize("wanted", ["auto", "greedy"])
def test_prompts_that_are_answered_each_in_its_way_are_transformers(model, wanted):
    said = []
    found = engines(wanted, said, together=False)
    with torch.inference_mode():
        found.write(model, Batch(PROMPTS, LIMIT))
    assert list(found.used) == ["hf"]
    assert len(said) == (wanted == "greedy")


def test_a_model_that_gets_other_parts_shows_itself_again(model, monkeypatch):
    asked, refusal = [], Greedy.refusal
    monkeypatch.setattr(Greedy, "refusal", lambda *given: asked.append(1) or refusal(*given))
    found = engines("auto", [])
    with torch.inference_mode():
        for _ in range(2):
            found.write(model, Batch(PROMPTS, LIMIT))
        assert len(asked) == 1
        model.added = torch.nn.Linear(2, 2)
        found.write(model, Batch(PROMPTS, LIMIT))
        assert len(asked) == 2
        model.added.register_forward_hook(lambda *_: None)
        found.write(model, Batch(PROMPTS, LIMIT))
    assert len(asked) == 3


class OneOff(Greedy):
    """Adds to each logit what its token's number is."""

    name: ClassVar[str] = "continuous"
    plans: ClassVar[bool] = True

    def __init__(self, place):
        super().__init__(place)

    def refusal(self, model, sample):
        return checking.refusal(self, model, sample, self.place)

    def write(self, model, batch, **_):
        return [[(token + 1) % 64 for token in row] for row in super().write(model, batch)]


class Failing(OneOff):
    """Fails at all it is asked."""

    def write(self, model, batch, **_):
        raise ValueError("no kernel\nfor this")


@pytest.mark.parametrize(("engine", "reason"), [(OneOff, "its token 1 is not"), (Failing, "ValueError: no kernel for")])
def test_an_engine_with_other_answers_is_not_believed(model, monkeypatch, engine, reason):
    monkeypatch.setattr(choosing, "Continuous", engine)
    monkeypatch.setattr(OneOff, "missing", staticmethod(lambda device: ""), raising=False)
    said = []
    found = engines("continuous", said)
    batch = Batch(PROMPTS, LIMIT)
    with torch.inference_mode():
        assert [tuple(row) for row in found.write(model, batch)] == written(model, batch)
    assert list(found.used) == ["greedy"]
    assert len(said) == 1
    assert reason in said[0]


def test_what_cannot_be_had_is_refused_in_a_line(trainer):
    for wanted, reason in (("continuous", "needs a GPU"), ("vllm", "vllm is not installed")):
        runtime = trainer.batching.runtime.model_copy(update={"engine": wanted})
        with pytest.raises(RunError, match=f"runtime.engine={wanted}: .*{reason}.*auto") as error:
            Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, runtime)
        assert "\n" not in str(error.value)


def test_batches_for_engines_that_make_their_own_are_all_prompts():
    for number in (0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE - 1):
        found = at_once(number)
        assert [index for batch in found for index in batch] == list(range(number))
        assert all(0 < len(batch) <= AT_ONCE for batch in found)


# --- continuous batching, as far as transformers allows it on a CPU ---------------------------------------------------


@pytest.mark.parametrize("ends", [frozenset(), frozenset(range(40, 64))])
def test_continuous_batching_gives_the_same_tokens(model, ends):
    engine = Continuous(CPU, sizes={"num_blocks": 16, "max_batch_tokens": 256})
    batch = Batch(PROMPTS, LIMIT, ends)
    with torch.inference_mode():
        expected = written(model, batch)
        assert engine.refusal(model, Batch(PROMPTS[:2], LIMIT)) == ""
        found = [until_end(row, ends).whole for row in engine.write(model, batch)]
    assert found == expected
    assert "forward" not in vars(model)
    assert model.config._attn_implementation == "sdpa"


def test_a_wrapped_model_is_none_for_continuous_batching(model):
    wrapped = types.SimpleNamespace(module=model)
    assert "wrapped" in Continuous(CPU).refusal(wrapped, Batch(PROMPTS[:2], LIMIT))


# --- vLLM, by a module of its interface -------------------------------------------------------------------------------


@dataclass
class Sampling:
    """vLLM's `SamplingParams`, as far as it is used."""

    temperature: float
    max_tokens: int
    stop_token_ids: list[int]
    detokenize: bool


@dataclass
class Inner:
    """The model inside vLLM: transformers' own, made of a configuration."""

    model: Any

    def load_weights(self, weights):
        own = dict(self.model.state_dict())
        for name, tensor in weights:
            own.pop(name).copy_(tensor)
        assert not own


@dataclass
class FakeLLM:
    """vLLM's `LLM`, as far as it is used; its answers are transformers'."""

    model: str
    load_format: str
    skip_tokenizer_init: bool
    dtype: str
    gpu_memory_utilization: float
    made: list = field(default_factory=list)

    def __post_init__(self):
        from transformers import AutoConfig, AutoModelForCausalLM

        assert self.load_format == "dummy"
        torch.manual_seed(1)
        self.inner = Inner(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(self.model)).eval())
        self.dropped = 0

    def apply_model(self, call):
        return [call(self.inner)]

    def reset_prefix_cache(self):
        self.dropped += 1

    def generate(self, prompts, how, *, use_tqdm):
        assert (how.temperature, how.detokenize, use_tqdm) == (0.0, False, False)
        batch = Batch([one["prompt_token_ids"] for one in prompts], how.max_tokens, frozenset(how.stop_token_ids))
        self.inner.model.generation_config.pad_token_id = 0
        self.inner.model.generation_config.eos_token_id = how.stop_token_ids or None
        rows = written(self.inner.model, batch)
        return [types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=row)]) for row in rows]


@pytest.fixture
def fake(monkeypatch):
    made = []

    def make(**given):
        made.append(FakeLLM(**given))
        return made[-1]

    monkeypatch.setitem(__import__("sys").modules, "vllm", types.SimpleNamespace(LLM=make, SamplingParams=Sampling))
    monkeypatch.setattr(vllm.Vllm, "missing", staticmethod(lambda device: ""))
    monkeypatch.setenv(vllm.IN_PROCESS, "0")
    return made


def test_vllm_answers_by_the_weights_as_they_are(model, fake):
    said, batch = [], Batch(PROMPTS, LIMIT, frozenset({2}))
    found = engines("vllm", said)
    for _ in range(2):
        with torch.inference_mode():
            assert [until_end(row, batch.ends).whole for row in found.write(model, batch)] == written(model, batch)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.1 * torch.randn_like(p))
    assert said == []
    assert list(found.used) == ["vllm"]
    assert len(fake) == 1
    assert fake[0].dropped >= 2


def test_vllm_is_not_given_parameters_that_it_does_not_know(model, fake):
    model.model.layers[0].added = torch.nn.Linear(2, 2)
    said = []
    with torch.inference_mode():
        found = engines("vllm", said)
        found.write(model, Batch(PROMPTS, LIMIT))
    assert list(found.used) == ["greedy"]
    assert "has added parameters" in said[0]
    assert fake == []


def test_vllm_in_an_evaluation(trainer, model, fake):
    runtime = trainer.batching.runtime.model_copy(update={"engine": "vllm"})
    said = []
    one = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, runtime, warn=said.append)
    other = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    examples = small.examples(9)
    for stop in ((), ("c",)):
        asked = {"max_new_tokens": LIMIT, "stop": stop}
        assert one.predict(model, examples, **asked) == other.predict(model, examples, **asked)
    assert said == []
    assert list(one.wrote) == ["vllm"]
