"""lm-eval leaves no trace."""

from __future__ import annotations

import logging
import random
import warnings

import numpy as np
import pytest
import small
import torch

from clbench_lm_eval.guard import own_randomness, own_tokenizer, quiet, untouched


def drawn():
    return [random.random(), np.random.random(), torch.rand(1).item()]


def test_generators_go_on_as_if_nothing_had_been_drawn():
    for draw in (lambda: random.seed(5), lambda: np.random.seed(5), lambda: torch.manual_seed(5)):
        draw()
    expected = [drawn(), drawn()]
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    found = [drawn()]
    inside = []
    for _ in range(2):
        with own_randomness():
            inside.append(drawn())
    with pytest.raises(ZeroDivisionError), own_randomness():
        drawn()[0] / 0
    assert [*found, drawn()] == expected
    assert inside[0] == inside[1]


def test_nothing_is_said_and_all_can_speak_again(capfd):
    from tqdm import tqdm

    log, level = logging.getLogger("lm_eval.somewhere"), logging.root.manager.disable
    with quiet():
        print("printed")  # noqa: T201
        log.error("logged")
        warnings.warn("warned", stacklevel=1)
        assert list(tqdm(range(2), disable=False)) == [0, 1]
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == level
    list(tqdm(range(2)))
    assert "2/2" in capfd.readouterr().err


def test_the_model_is_as_it_was():
    model = small.make_gpt2(320).train()
    model.transformer.drop.eval()
    modes = [part.training for part in model.modules()]
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() + 1)  # parted from the embeddings
    with untouched(model):
        model.eval()
        model.tie_weights()
    assert [part.training for part in model.modules()] == modes
    assert model.lm_head.weight is not model.transformer.wte.weight
    assert "tie_weights" not in vars(model)
    model.tie_weights = own = lambda: None
    with untouched(model):
        assert model.tie_weights is not own
    assert model.tie_weights is own


def test_the_tokenizer_is_a_copy_that_pads():
    tokenizer = small.byte_level()
    tokenizer.pad_token = None
    made = own_tokenizer(tokenizer)
    assert made.pad_token_id == tokenizer.eos_token_id
    made.padding_side = "left" if tokenizer.padding_side == "right" else "right"
    assert tokenizer.pad_token is None
    assert made.padding_side != tokenizer.padding_side
    assert len(made) == len(tokenizer)
