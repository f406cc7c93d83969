"""Each family is made tiny and random, computes what its architecture computes, and survives being saved."""

import pytest
import torch

from clbench.base.errors import UnknownNameError
from clbench.testing.families import FAMILIES, family, make, save
from clbench.testing.world import byte_tokenizer

VOCABULARY = 259


def test_names_are_unique_and_all_are_found_by_name_and_by_type():
    assert len({one.name for one in FAMILIES}) == len({one.model_type for one in FAMILIES}) == len(FAMILIES)
    assert all(family(one.name) is family(one.model_type) is one for one in FAMILIES)
    with pytest.raises(UnknownNameError, match="did you mean 'Llama'"):
        family("Lama")


@pytest.mark.parametrize("one", FAMILIES, ids=lambda one: one.model_type)
def test_a_later_token_moves_earlier_logits_only_in_a_masked_model(one):
    before = torch.random.get_rng_state()
    model = make(one, vocabulary=VOCABULARY).eval()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert sum(p.numel() for p in model.parameters()) < 80_000
    ids = torch.arange(3, 15).unsqueeze(0)
    other = ids.clone()
    other[0, -1] = 200
    with torch.no_grad():
        logits, changed = model(ids).logits, model(other).logits
    assert logits.shape == (1, 12, VOCABULARY)
    moved = (logits - changed)[:, :-1].abs().max().item()
    assert moved < 1e-5 if one.causal else moved > 1e-3


@pytest.mark.parametrize("name", ["llama", "gpt2", "mamba", "olmoe"])
def test_a_saved_one_is_the_same_model(name, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = save(family(name), tmp_path / name, tokenizer=byte_tokenizer())
    assert len(AutoTokenizer.from_pretrained(folder)) == VOCABULARY
    held = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    made = make(family(name), vocabulary=264).state_dict()
    assert held.keys() == made.keys()
    assert all(torch.equal(held[key], made[key]) for key in made)
