"""The methods on small models: what they begin as, what is trained, folds, state, whole runs."""

from __future__ import annotations

import copy
from importlib.util import find_spec

import pytest
import small
import torch

from clbench import Experience
from clbench_peft import clbench_methods
from clbench_peft.inject import ADAPTER, adapted_layers

llama = small.llama
SPECS = {spec.name: spec for spec in clbench_methods()}
EXPERIENCES = [Experience(index=index, task=f"own/t{index}", epochs=1) for index in (1, 2, 3)]
TOKENS = torch.arange(3, 43)[None]


def logits(model):
    with torch.no_grad():
        return model(TOKENS).logits


def trainable(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


# --- injection


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lora", {}),
        ("lora", {"targets": "all-linear", "rank": 2}),
        ("dora", {}),
        ("olora", {"shrinkage": 0.1}),
        ("epi", {}),
        ("l2p", {}),
        ("inflora", {}),
        ("peft", {"tuner": "ia3"}),
        ("peft", {"tuner": "OFT", "config": {"oft_block_size": 4}}),
        ("peft", {"tuner": "LOHA", "config": {"r": 2, "target_modules": "all-linear"}}),
        ("peft", {"tuner": "ADALORA", "config": {"total_step": 10}}),
    ],
)
def test_at_first_it_is_the_base_model_bit_for_bit(name, options):
    model = small.make_llama(320).eval()
    base, before = logits(model), sum(p.numel() for p in model.parameters())
    method = SPECS[name].create(options)
    prepared = method.prepare_model(model)
    assert prepared is model
    assert not any(module.training for module in model.modules())
    assert torch.equal(logits(model), base)
    names = trainable(model)
    assert names
    assert not any("base_layer" in name for name in names)
    added = sum(p.numel() for p in model.parameters()) - before
    assert method.footprint().extra_parameters == added > 0


def test_osf_is_the_base_model_up_to_rounding():
    model = small.make_llama(320).eval()
    base = logits(model)
    SPECS["osf"].create().prepare_model(model)
    torch.testing.assert_close(logits(model), base, rtol=1e-4, atol=1e-4)
    assert all("osf_svd_params" in name for name in trainable(model))


def test_what_peft_says_is_counted(llama):
    trainer = small.make_trainer(llama, method=SPECS["peft"].create({"tuner": "ADALORA", "config": {"total_step": 9}}))
    assert "initial rank" in next(iter(trainer.run.warnings))


def test_gradients_reach_the_adapter_through_checkpoints():
    model = small.make_llama(320)
    getattr(model, "activation_checkpointing_enable", None) or pytest.skip("another name in transformers 4")
    model.activation_checkpointing_enable()
    SPECS["lora"].create({"dropout": 0}).prepare_model(model)
    model.train()
    model(TOKENS, labels=TOKENS).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in model.named_parameters() if "lora_B" in n)


def test_lora_is_its_equation():
    model = small.make_llama(320).eval()
    SPECS["lora"].create({"rank": 2, "alpha": 6}).prepare_model(model)
    layer = next(iter(adapted_layers(model).values()))
    a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    torch.nn.init.normal_(b)
    x = torch.randn(3, 32)
    torch.testing.assert_close(layer(x), x @ (layer.base_layer.weight + 6 / 2 * b @ a).T)


# --- a trainer: folds and state


def trainer_of(llama, name, options=None, **runtime):
    torch.manual_seed(0)  # as the core does before an adapter begins
    trainer = small.make_trainer(llama, method=SPECS[name].create(options or {}), runtime=runtime, eps=1e-2)
    trainer.run.num_experiences = 3
    trainer.on_step = lambda *_: None
    return trainer


def learn(trainer, experience, *, begin=True, fold=True):
    data = small.examples(4, seed=experience.index)
    if begin:
        trainer.method.before_experience(trainer.run, experience)
    trainer.train(experience, data)
    if fold:
        trainer.method.after_experience(trainer.run, experience, data)


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.run.model.state_dict().items()}


@pytest.mark.parametrize("name", ["olora", "osf"])
def test_a_fold_changes_the_model_by_rounding_only(llama, name):
    trainer = trainer_of(llama, name)
    learn(trainer, EXPERIENCES[0], fold=False)
    before, params = logits(trainer.run.model), list(trainer.run.model.parameters())
    trainer.method.after_experience(trainer.run, EXPERIENCES[0], ())
    torch.testing.assert_close(logits(trainer.run.model), before, rtol=1e-3, atol=1e-3)
    assert all(p is q for p, q in zip(params, trainer.run.model.parameters(), strict=True))
    for group in trainer.run.optimizer.param_groups:
        assert not any(p in trainer.run.optimizer.state for p in group["params"])


def test_olora_begins_a_new_adapter_and_remembers_the_old(llama):
    trainer = trainer_of(llama, "olora", {"rank": 3})
    method, layers = trainer.method, adapted_layers(trainer.run.model)
    olds = []
    for experience in EXPERIENCES:
        learn(trainer, experience, fold=False)
        olds.append({name: layer.lora_A[ADAPTER].weight.detach().clone() for name, layer in layers.items()})
        method.after_experience(trainer.run, experience, ())
    assert method.footprint().stored_bytes == 4 * 2 * 3 * 32 * len(layers)  # two folded tasks, rank 3, 32 inputs
    for group, past in zip(method._groups, method._past, strict=True):
        for name, rows in zip(group, past, strict=True):
            torch.testing.assert_close(rows, torch.cat([olds[0][name], olds[1][name]]), rtol=0, atol=0)
    for name, layer in layers.items():
        assert torch.equal(layer.lora_A[ADAPTER].weight, olds[2][name]), "the last adapter stays"
        assert layer.lora_B[ADAPTER].weight.abs().sum() > 0


def test_olora_pushes_new_directions_off_the_old(llama):
    overlaps = []
    for strength in (0.0, 3.0):
        trainer = trainer_of(llama, "olora", {"orthogonality": strength, "dropout": 0})
        learn(trainer, EXPERIENCES[0])
        for _ in range(5):
            learn(trainer, EXPERIENCES[1], fold=False)
        pairs = [(past, name) for group, stack in zip(trainer.method._groups, trainer.method._past, strict=True)
                 for past, name in zip(stack, group, strict=True)]  # fmt: skip
        overlaps.append(sum((past @ trainer.method._a(name).T).abs().sum().item() for past, name in pairs))
    assert overlaps[1] < 0.9 * overlaps[0]


def test_olora_before_its_first_fold_is_lora(llama):
    one, other = (trainer_of(llama, name) for name in ("lora", "olora"))
    for trainer in (one, other):
        learn(trainer, EXPERIENCES[0], fold=False)
    first, second = weights(one), weights(other)
    assert all(torch.equal(first[name], second[name]) for name in first)


def large(weight, k):
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    return u[:, :k], s[:k], v[:k]


def test_osf_keeps_the_large_directions(llama):
    """With gradients projected and plain SGD, the frozen part of W acts as before: U_hᵀW = S_hV_h, WV_hᵀ = U_hS_h."""
    trainer = trainer_of(llama, "osf", {"frozen": 5})
    params = [p for p in trainer.run.model.parameters() if p.requires_grad]
    trainer.run.optimizer = torch.optim.SGD(params, lr=0.5)
    trainer.run.optimizer.param_groups[0]["base_lr"] = 0.5
    layers = adapted_layers(trainer.run.model)
    for experience in EXPERIENCES[:2]:
        starts = {name: layer.base_layer.weight.detach().clone() for name, layer in layers.items()}
        learn(trainer, experience)
        for name, layer in layers.items():
            u, s, v = large(starts[name], 5)
            now = layer.base_layer.weight.double()
            assert (now - starts[name]).norm() > 1e-4 * now.norm()
            torch.testing.assert_close(u.T @ now, s[:, None] * v, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(now @ v.T, u * s, rtol=1e-3, atol=1e-4)


def test_osf_decomposes_anew(llama):
    trainer = trainer_of(llama, "osf", {"frozen": 0.25})
    learn(trainer, EXPERIENCES[0])
    for layer in adapted_layers(trainer.run.model).values():
        weight = layer.base_layer.weight
        k = min(weight.shape) // 4
        parts = layer.osf_svd_params[ADAPTER]
        u, s, v = large(weight, k)
        low = parts["U_low"] * parts["S_low"] @ parts["V_low"]
        torch.testing.assert_close(low.double(), weight - u * s @ v, rtol=1e-3, atol=1e-4)
        assert layer.get_delta_weight(ADAPTER).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["lora", "dora", "olora", "osf", "epi", "inflora", "l2p"])
@pytest.mark.parametrize("done", [1, 2])
def test_state_continues(llama, name, done):
    straight = trainer_of(llama, name)
    for experience in EXPERIENCES[:done]:
        learn(straight, experience)
    resumed = trainer_of(llama, name)
    for trainer in (straight, resumed):
        trainer.method.before_experience(trainer.run, EXPERIENCES[done])
    resumed.run.model.load_state_dict(straight.run.model.state_dict())
    resumed.run.optimizer.load_state_dict(copy.deepcopy(straight.run.optimizer.state_dict()))
    resumed.run.step = straight.run.step
    resumed.method.load_state_dict(copy.deepcopy(straight.method.state_dict()))
    for trainer in (straight, resumed):
        learn(trainer, EXPERIENCES[done], begin=False)
    one, other = weights(straight), weights(resumed)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert straight.method.footprint() == resumed.method.footprint()
    assert torch.equal(logits(straight.run.model), logits(resumed.run.model))


@pytest.mark.parametrize("name", ["olora", "osf"])
def test_micro_batches_change_nothing_but_rounding(llama, name):
    ends = []
    for micro_batch in (4, 1):
        options = {"dropout": 0, "shrinkage": 0.1} if name == "olora" else {}
        trainer = trainer_of(llama, name, options, micro_batch=micro_batch)
        learn(trainer, EXPERIENCES[0])
        learn(trainer, EXPERIENCES[1], fold=False)
        ends.append(logits(trainer.run.model))
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-3)


# --- whole runs


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(tmp_path_factory.mktemp("data") / "stream", learning_rate=0.03)


@pytest.mark.parametrize(
    "method",
    [
        "lora",
        "dora",
        "olora",
        "osf",
        "peft",
        "lwf+lora",
        "ewc+olora",
        "l2+osf",
        "lwf+osf",
        "mofo+lora",
        "wise-ft+lora",
        "epi",
        "lwf+epi",
        "inflora",
        "mofo+inflora",
        "l2p",
        "lwf+l2p",
    ],
)
def test_in_a_whole_run(stream, llama, tmp_path, method):
    parts = method.split("+")
    package = {"mofo": "clbench_mofo"}.get(parts[0], "clbench_penalty")
    if len(parts) == 2 and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    (outcome,) = small.run_stream(stream, method, model=llama, home=tmp_path)
    record = outcome.record
    rows = record.scores["strict"]
    assert len({tuple(row) for row in rows}) > 1, "training changed something"
    assert record.footprint.extra_parameters > 0
    if method in ("lora", "dora", "peft", "epi"):
        assert record.drift["relative_l2"] == 0
        assert record.footprint.extra_parameters == record.footprint.trainable_parameters
    if method in ("olora", "osf", "inflora", "mofo+inflora"):
        assert record.drift["relative_l2"] > 0
