"""Texts that are longer than the model takes are refused before the first step, or told where it reads on."""

import re

import pytest
import small

from clbench.base.errors import ModelError
from clbench.testing.families import family, save


def saved(folder, make, **config):
    tokenizer = small.byte_level()
    model = make(len(tokenizer))
    for key, value in config.items():
        setattr(model.config, key, value)
    type(model)(model.config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def run(tmp_path, home):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)

    def run(model, method="sequential", **changes):
        (outcome,) = small.run_stream(stream, method, model=model, home=home, **changes)
        return outcome

    return run


def test_what_cannot_be_read_is_refused_and_what_just_fits_is_run(run, tmp_path):
    with pytest.raises(ModelError, match=r"takes texts of 20 tokens, and those of \S+ have up to \d+; ") as refused:
        run(saved(tmp_path / "short", small.make_gpt2, n_positions=20))
    longest = int(re.search(r"up to (\d+);", str(refused.value))[1])
    with pytest.raises(ModelError, match=f"takes texts of {longest - 1} tokens"):
        run(saved(tmp_path / "less", small.make_gpt2, n_positions=longest - 1))
    assert run(saved(tmp_path / "just", small.make_gpt2, n_positions=longest)).record


def test_the_setting_that_is_named_makes_it_fit(run, tmp_path):
    model = saved(tmp_path / "short", small.make_gpt2, n_positions=32)
    with pytest.raises(ModelError, match=r"--set protocol.max_prompt_tokens=\d+ ") as refused:
        run(model)
    fits = int(re.search(r"max_prompt_tokens=(\d+)", str(refused.value))[1])
    assert run(model, protocol={"max_prompt_tokens": fits}).record


def test_nothing_is_said_of_a_window_that_no_configuration_names(run, tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.models.bearing.window.WINDOW", 12)  # texts are longer
    model = save(family("mamba"), tmp_path / "mamba", tokenizer=small.byte_level())
    assert not any("made for" in one for one in run(model, "frozen").record.warnings)


def test_soft_prompts_take_their_room(run, tmp_path):
    with pytest.raises(ModelError, match=r"tokens beside the 25 that l2p lets stand before them"):
        run(saved(tmp_path / "short", small.make_gpt2, n_positions=60), "l2p")


def test_a_model_that_reads_on_is_run_and_the_record_says_so(run, tmp_path):
    outcome = run(saved(tmp_path / "short", small.make_llama, max_position_embeddings=12))
    assert any("are longer than the 12 that the model was made for" in one for one in outcome.record.warnings)
