"""The model's own counter: rows of whoever asks, and of copies; the run's numbers stay as they are."""

import copy

import small
import torch

from clbench.methods.method import Method


class Twice(Method):
    """Asks for everything once more, without a gradient."""

    def extra_loss(self, run, batch, output):
        with torch.no_grad():
            run.model(input_ids=batch["input_ids"])


def run(llama, tmp_path, method, lab=None):
    stream = small.write_stream(tmp_path / "stream", epochs=1)
    (outcome,) = small.run_stream(stream, method, model=llama, home=tmp_path / method, lab=lab)
    return outcome.record


def test_plain_training_passes_once_and_a_forward_pass_is_a_third(llama, tmp_path):
    from clbench.methods.methodspec import MethodSpec

    lab = small.registry_with(MethodSpec("twice", f"{__name__}:Twice", "for a test"))
    plain, more = run(llama, tmp_path, "sequential"), run(llama, tmp_path, "twice", lab)
    assert plain.footprint.counted_passes == 0.0
    assert abs(more.footprint.counted_passes - 1 / 3) < 1e-6
    assert (plain.scores, plain.probes, plain.drift) == (more.scores, more.probes, more.drift)


def test_a_copy_is_counted_with_its_model_and_evaluation_is_not(llama):
    trainer = small.make_trainer(llama)
    model, counter = trainer.run.model, trainer.passes
    ids = torch.ones((3, 4), dtype=torch.long)
    model(input_ids=ids)
    assert counter.rows == 0.0
    with counter.counting():
        model(input_ids=ids)
        copy.deepcopy(model)(input_ids=ids[:2])
        model(inputs_embeds=torch.zeros((1, 4, 32)))  # which the documentation says is not seen
    assert counter.rows == 5.0


def test_what_is_not_the_streams_is_counted_in_the_record(llama, tmp_path):
    from clbench.methods.methodspec import MethodSpec

    lab = small.registry_with(MethodSpec("brings", f"{__name__}:Brings", "for a test", frozenset({"edits_data"})))
    record = run(llama, tmp_path, "brings", lab)
    found = {text: number for text, number in record.warnings.items() if "not the stream's" in text}
    assert found == {f"{task}: examples that are not the stream's were trained on": 3 for task in small.STREAM_TASKS}


class Brings(Method):
    """One stranger an experience, and one a batch."""

    def training_data(self, run, experience, data):
        return [*data, small.Example(data[0].task, "nobody's", "x")]

    def batch_data(self, run, batch):
        return [*batch, small.Example(batch[0].task, "nobody's", "y")]
