"""A model in memory is the one of its folder: one hash, one R; what cannot be trained is refused, nothing written."""

import copy

import pytest
import small
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import clbench
from clbench.base.errors import ClbenchError, ModelError


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(
        tmp_path_factory.mktemp("stream"), tasks=small.STREAM_TASKS[:1], epochs=1, train=4, test=2
    )


@pytest.fixture
def loaded(llama):
    return AutoModelForCausalLM.from_pretrained(llama), AutoTokenizer.from_pretrained(llama)


@pytest.fixture
def run(stream, home):
    return lambda model, **more: clbench.run(
        stream=stream, **{"model": model, "plugin": "sequential", "quiet": True, **more}
    )


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_in_memory_is_the_one_of_its_folder(run, llama, loaded, tmp_path):
    before = weights(loaded[0])
    folder = run(llama).result
    memory = run(loaded, runs_dir=tmp_path / "runs", leaderboards_dir=tmp_path / "boards").result
    assert memory.record.board.model == folder.record.board.model
    assert memory.run == folder.run
    assert memory.matrix == folder.matrix
    assert memory.record.predictions == folder.record.predictions
    assert equal(before, weights(loaded[0]))
    assert run(loaded).result.repeated


def test_a_folder_in_half_precision_is_the_model_in_half_precision(run, llama, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(llama)
    small.save(tmp_path / "small-llama", model, tokenizer)
    folder = run(tmp_path / "small-llama").result
    again = run((model, tokenizer), fresh=True).result
    assert (again.run, again.matrix) == (folder.run, folder.matrix)
    assert next(model.parameters()).dtype == torch.bfloat16


def test_other_weights_are_another_model(run, loaded):
    changed = copy.deepcopy(loaded[0])
    with torch.no_grad():
        changed.lm_head.weight[0, 0] += 1
    assert run(loaded).result.run != run((changed, loaded[1])).result.run


def test_a_model_that_came_from_nowhere_is_called_by_its_class(run):
    tokenizer = small.byte_level()
    result = run((small.make_llama(len(tokenizer)), tokenizer)).result
    assert result.record.board.model["name"] == "LlamaForCausalLM"


def test_without_a_copy_the_callers_model_is_trained(run, loaded, llama, tmp_path):
    generation, before = loaded[0].generation_config, weights(loaded[0])
    copied = run(llama, runs_dir=tmp_path / "runs", leaderboards_dir=tmp_path / "boards").result
    trained = run(loaded, copy=False).result
    assert (trained.run, trained.matrix) == (copied.run, copied.matrix)
    assert not equal(before, weights(loaded[0]))
    assert loaded[0].generation_config is generation
    fresh = AutoModelForCausalLM.from_pretrained(llama), loaded[1]
    with pytest.raises(ClbenchError, match="is finished, so nothing was trained; fresh=True does"):
        run(fresh, copy=False)
    assert equal(before, weights(fresh[0]))


@pytest.mark.parametrize("more", [{"seeds": 2}, {"plugin": "single"}, {"plugin": ("frozen", "sequential")}])
def test_one_model_is_trained_once(run, loaded, home, more):
    with pytest.raises(ClbenchError, match="copy=False: trains one model once"):
        run(loaded, copy=False, **more)
    assert not small.files_below(home)


def quantised(model):
    model.is_quantized = True
    return model


def frozen(model):
    model.lm_head.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda model, tokenizer: (model, None), r"model=\(LlamaForCausalLM, NoneType\): the second is no tokenizer"),
        (lambda model, tokenizer: (tokenizer, model), "is no model of transformers"),
        (lambda model, tokenizer: (torch.nn.Linear(1, 1), tokenizer), "is no model of transformers; load one by it"),
        (lambda model, tokenizer: (model.to("meta"), tokenizer), "its weights are on the meta device"),
        (lambda model, tokenizer: (quantised(model), tokenizer), "is quantised, so its weights cannot be trained"),
        (lambda model, tokenizer: (frozen(model), tokenizer), "1 of its tensors are frozen"),
        (lambda model, tokenizer: model, r"--model: must be a name, a folder, or \(model, tokenizer\)"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused(run, loaded, home, change, complaint):
    with pytest.raises(ClbenchError, match=complaint) as caught:
        run(change(*loaded))
    assert "\n" not in str(caught.value)
    assert not small.files_below(home)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_adapters_are_to_be_merged_first(run, loaded, home):
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(loaded[0], peft.LoraConfig(target_modules=["q_proj"]))
    with pytest.raises(ModelError, match="merge adapters first"):
        run((model, loaded[1]))
