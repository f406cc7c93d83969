"""Methods that cheat: attempts that were made in earnest, each as short as it can be written."""

import copy
import json
import os
import tempfile
import threading
import time
import warnings
import zlib
from pathlib import Path

from clbench import Method
from clbench.base.home import runs_dir
from clbench.runs.predictions import Prediction


def config():
    """The run's configuration, by way of a traceback's frames, of which no audit hook tells."""
    try:
        raise LookupError
    except LookupError as error:
        frame = error.__traceback__.tb_frame
    while frame is not None:
        if "fixed" in frame.f_locals:
            return frame.f_locals["fixed"].config
        if hasattr(frame.f_locals.get("self"), "fixed"):
            return frame.f_locals["self"].fixed.config
        frame = frame.f_back


def train_on(run, examples):
    run.loss(examples).backward()


class Frames(Method):
    """Trains on test data that it finds through a traceback's frames."""

    def after_backward(self, run):
        train_on(run, config().data[0].test)


class Compressed(Method):
    """Keeps past data compressed, and trains on them in a loop of its own."""

    kept = b""

    def after_backward(self, run):
        if self.kept:
            past = [type(self.kind)(*one) for one in json.loads(zlib.decompress(self.kept))]
            train_on(run, past)

    def after_experience(self, run, experience, data):
        self.kind = data[0].__class__("", "", "")
        self.kept = zlib.compress(json.dumps([[one.task, one.prompt, one.answer] for one in data]).encode())


class Elsewhere(Method):
    """Keeps past data in another package's module."""

    def training_data(self, run, experience, data):
        past = getattr(json, "clbench_stash", []) if experience.index > 1 else []
        json.clbench_stash = [*past, *data]
        return [*past, *data]


class Invents(Method):
    """Trains on records that are nobody's, such as another generator's test set."""

    def training_data(self, run, experience, data):
        return [*data, type(data[0])(data[0].task, "What is two and two?", "4")]


class Decodes(Method):
    """Puts the answers in the place of predictions."""

    def before_experience(self, run, experience):
        from clbench.evaluation.evaluator import Evaluator
        from clbench.runs.predictions import Prediction

        def predict(self, model, examples, **how):
            return [Prediction(one.prompt, one.answer, one.answer) for one in examples]

        Evaluator.predict = predict


class Scores(Method):
    """Replaces what scores."""

    def before_experience(self, run, experience):
        from clbench.runs import predictions

        real = predictions.score_records
        predictions.score_records = lambda *given, **how: [1.0 for _ in real(*given, **how)]


class Recodes(Method):
    """Changes a scorer in its place, so that it is still the same function of the same file."""

    def before_experience(self, run, experience):
        from clbench.scoring import edit

        def best(**given):
            return 1.0

        edit.fuzz_levenshtein.__code__ = best.__code__.replace(co_filename=edit.__file__)
        edit.fuzz_levenshtein.__kwdefaults__ = None


class Recalls(Method):
    """Answers in the model's place while it is measured."""

    def evaluating(self, run):
        import torch

        real = type(run.model).generate

        def generate(input_ids, **how):
            found = real(run.model, input_ids=input_ids, **how)
            found[:, input_ids.shape[1] :] = 70
            return torch.as_tensor(found)

        run.model.generate = generate
        return super().evaluating(run)


class Shrinks(Method):
    """Leaves out test records before they are asked."""

    def before_experience(self, run, experience):
        for one in config().data:
            object.__setattr__(one, "test", one.test[:1])


class Steps(Method):
    """Makes ten hidden steps for each."""

    def after_step(self, run):
        for _ in range(10):
            run.optimizer.step()


class Loops(Method):
    """Trains a copy of the model in a loop of its own, and says that it costs nothing."""

    def after_backward(self, run):
        twin = copy.deepcopy(run.model)
        ids = config().model and self.batch
        twin(input_ids=ids, labels=ids).loss.backward()

    def extra_loss(self, run, batch, output):
        self.batch = batch["input_ids"]


class Copies(Method):
    """Keeps a copy of the model outside its state, and says that it keeps nothing."""

    def before_experience(self, run, experience):
        self.twin = {name: p.detach().clone() for name, p in run.model.named_parameters()}


class Renames(Method):
    """Writes a record elsewhere and moves it to where results are."""

    def before_experience(self, run, experience):
        handle, name = tempfile.mkstemp()
        os.close(handle)
        Path(name).rename(runs_dir() / "forged.json")


class Links(Method):
    """Reaches the folder of results by another name."""

    def before_experience(self, run, experience):
        place = Path(tempfile.mkdtemp()) / "elsewhere"
        place.symlink_to(runs_dir())
        (place / "forged.json").write_text("{}")


class Forks(Method):
    """Leaves a process behind."""

    def before_experience(self, run, experience):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not os.fork():
                time.sleep(1)
                os._exit(0)


class Threads(Method):
    """Leaves a thread behind."""

    def before_experience(self, run, experience):
        threading.Thread(target=time.sleep, args=(1,), name="mole", daemon=True).start()


class Asks(Method):
    """Has the model answer a test prompt while it is trained."""

    def before_experience(self, run, experience):
        run.generate(config().data[0].test[:1], max_new_tokens=1)


class Prices(Method):
    """Asks what an answer to a test record is worth."""

    def training_data(self, run, experience, data):
        worth(run)
        return data


class Opens(Method):
    """The same, after it has made every record its own."""

    def training_data(self, run, experience, data):
        run.records = Everything()
        worth(run)
        return data


class Everything:
    def __contains__(self, one):
        return True


def worth(run):
    (one, *_) = config().data[0].test
    return run.score(one.task, [Prediction(one.prompt, one.answer, one.answer)])
