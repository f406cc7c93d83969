"""What is refused, and how it is said."""

from __future__ import annotations

import subprocess
import sys

import pytest
import small

from clbench import Footprint
from clbench.base.errors import OptionError
from clbench_peft import clbench_methods

SPECS = {spec.name: spec for spec in clbench_methods()}


def test_specs_name_what_they_are():
    assert set(SPECS) == {
        "lora",
        "dora",
        "olora",
        "inflora",
        "osf",
        "epi",
        "l2p",
        "peft",
        "migu",
        "progressive-prompts",
    }
    assert all(spec.problem() == "" and spec.create().footprint() == Footprint() for spec in SPECS.values())
    for spec in (spec for name, spec in SPECS.items() if name != "migu"):  # which masks gradients and adds nothing
        assert {"changes_model", "freezes_base"} <= spec.capabilities


def test_registration_and_the_methods_modules_load_no_peft():
    code = "import sys, clbench_peft as m; list(m.clbench_methods()); assert 'torch' not in sys.modules\n"
    code += "[spec.load() for spec in m.clbench_methods()]; assert 'peft' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("lora", {"rank": 0}, "lora.rank"),
        ("lora", {"dropout": 1}, "lora.dropout"),
        ("lora", {"targets": "q_proj"}, "lora.targets"),
        ("dora", {"alpha": "nan"}, "dora.alpha"),
        ("olora", {"orthogonality": -1}, "olora.orthogonality"),
        ("osf", {"frozen": 0}, "osf.frozen"),
        ("osf", {"frozen": 1.0}, "osf.frozen"),
        ("peft", {"tuner": "LROA"}, "peft.tuner: 'LROA' .* did you mean .*'lora'"),
        ("peft", {"tuner": "VERA"}, "peft.tuner: VERA shares state"),
        ("peft", {"tuner": "PREFIX_TUNING"}, "peft.tuner"),
        ("peft", {"config": {"rank": 4}}, r"peft.config: config.rank: unknown"),
        ("peft", {"config": {"peft_type": "IA3"}}, r"config.peft_type: unknown"),
        ("peft", {"config": {"r": "four"}}, r"config.r: Input should be a valid integer"),
        ("peft", {"config": {"bias": "some"}}, r"config.bias: Input should be 'none', 'all' or 'lora_only'"),
        ("peft", {"tuner": "ADALORA", "config": {}}, "total_step"),
        ("peft", {"tuner": "ADALORA", "config": {"total_step": -1}}, "total_step"),
    ],
)
def test_wrong_options_are_refused(name, options, said):
    with pytest.raises(OptionError, match=rf"^-o .*{said}") as caught:
        SPECS[name].create(options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("lora", {"targets": ["query"]}, "query"),
        ("peft", {"config": {"r": 0}}, "positive"),
        ("peft", {"tuner": "MISS", "config": {"r": 64}}, "in_features"),
        ("osf", {"frozen": 10_000}, "frozen: 10000 leaves nothing"),
        ("olora", {"targets": ["embed_tokens"]}, "targets: .*embed_tokens"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(name, options, said):
    method = SPECS[name].create(options)
    with pytest.raises(OptionError, match=rf"^-o {name}.*{said}"):
        method.prepare_model(small.make_llama(320))


@pytest.mark.parametrize("name", ["olora", "osf"])
def test_a_weight_that_two_layers_share_is_not_folded_into(name):
    model = small.make_gpt2(320)
    with pytest.raises(OptionError, match=rf"-o {name}.targets: .*lm_head"):
        SPECS[name].create({"targets": ["lm_head"]}).prepare_model(model)
