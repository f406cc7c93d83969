"""What a dry run foretells is what the run then takes."""

import pytest
import small

from clbench.engine.session import prepare
from clbench.forecast import estimate as estimating
from clbench.forecast.estimate import estimate
from clbench.plugins.registry import registry


@pytest.mark.parametrize("method", ["sequential", "joint", "single", "frozen"])
@pytest.mark.parametrize("schedule", ["full", "ends"])
def test_what_is_foretold_comes_true(tmp_path, llama, home, method, schedule):
    stream = small.write_stream(
        tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs={"own/word": 1, "own/number": 3}
    )
    variants = "variants: {files: {source: files, probes: [probes/facts, probes/text], probe_examples: 3}}\n"
    stream.write_text(stream.read_text(encoding="utf-8") + variants, encoding="utf-8")
    changes = {"protocol": {"evaluate": schedule, "max_prompt_tokens": 30, "max_answer_tokens": 5}}
    (config,) = prepare(small.make_request(stream, method, model=llama, home=home, **changes), registry())
    told = estimate(config)
    (outcome,) = small.run_stream(stream, method, model=llama, home=home, **changes)
    costs = outcome.record.costs
    assert told.steps == costs.steps
    assert told.train_tokens == costs.train_tokens
    predictions = small.files_below(outcome.run_dir.path / "predictions")
    assert told.prompts == sum(len(path.read_text(encoding="utf-8").splitlines()) for path in predictions)
    assert costs.generated_tokens <= told.max_generated_tokens == told.prompts * 5
    assert told.parameters == sum(p.numel() for p in small.make_llama(320).parameters())
    assert told.state_bytes == told.parameters * (4 if method == "frozen" else 16)
    assert told.checkpoint_bytes == told.copy_bytes == told.parameters * (0 if method == "frozen" else 12)
    assert told.logits_bytes == 4 * 4 * (5 + 1 + 1) * 320  # four examples; five tokens, the end, and one before


def test_nothing_is_written_and_no_weights_are_read(tmp_path, llama, home, monkeypatch):
    stream = small.write_stream(tmp_path / "stream")
    (config,) = prepare(small.make_request(stream, "sequential", model=llama, home=home), registry())
    monkeypatch.setattr("clbench.models.loading.load_model", None)
    monkeypatch.setattr("safetensors.safe_open", None)
    assert estimate(config).steps == 12
    assert not list(home.iterdir())


def test_of_many_records_some_are_tokenised_and_scaled(llama, monkeypatch):
    encoder = small.make_trainer(llama).encoder
    examples = [one for one in small.examples(20) for _ in range(3)]
    whole = estimating.token_sums(encoder, examples)
    monkeypatch.setattr(estimating, "SAMPLE", 20)
    asked = []
    monkeypatch.setattr(encoder, "examples", lambda some, known=encoder.examples: asked.extend(some) or known(some))
    assert estimating.sampled_sums(encoder, examples) == whole, "each three are alike"
    assert len(asked) == 20
    assert estimating.sampled_sums(encoder, []) == (0, 0, 0, 0)
