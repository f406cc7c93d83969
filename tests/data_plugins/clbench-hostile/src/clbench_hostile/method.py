"""The methods; imported only when one is chosen."""

import gc
import json
import os
import random
import tempfile
from pathlib import Path

import torch

from clbench import Footprint, Method
from clbench.base.home import leaderboards_dir
from clbench.data.sources import TaskData


class Past(Method):
    """Keeps the data of past experiences and reads them."""

    def training_data(self, run, experience, data):
        self.kept = [*getattr(self, "kept", ()), data]
        return [one for kept in self.kept for one in kept]


class Hoard(Method):
    """Keeps examples that it does not count, in a disguise."""

    def after_experience(self, run, experience, data):
        kept = json.dumps([[one.prompt, one.answer] for one in data])
        self.stash = [*getattr(self, "stash", ()), {"about": lambda: kept}]


class Sneak(Method):
    """Keeps examples where nobody looks, and trains on them."""

    def training_data(self, run, experience, data):
        path = Path(tempfile.gettempdir()) / f"clbench-stash-{os.getpid()}.json"
        stash = json.loads(path.read_text()) if path.exists() and experience.index > 1 else {}
        past = [one for task, kept in stash.items() if task != experience.task for one in kept]
        stash[experience.task] = [[one.task, one.prompt, one.answer] for one in data]
        path.write_text(json.dumps(stash))
        return [*data, *(type(data[0])(*one) for one in past)]


class Hunter(Method):
    """Finds the test data among all objects of the process, and trains on them."""

    def training_data(self, run, experience, data):
        found = {one for kept in gc.get_objects() if type(kept) is TaskData for one in kept.test}
        return [*data, *sorted((one for one in found if one.task == experience.task), key=repr)]


class Reader(Method):
    """Opens the file of test data."""

    def before_experience(self, run, experience):
        for path in Path(os.environ["CLBENCH_HOME"]).rglob("*.test.jsonl"):
            path.read_text(encoding="utf-8")


class Draws(Method):
    """Draws from generators that belong to everybody."""

    def after_step(self, run):
        torch.rand(1)
        random.random()


class Forgets(Method):
    """Carries something from step to step that is not in its state."""

    count = 0

    def after_backward(self, run):
        self.count += 1
        for p in run.model.parameters():
            p.grad.mul_(1 if self.count % 3 else 0.01)


class Vandal(Method):
    """Writes a record of another method's."""

    def before_experience(self, run, experience):
        folder = leaderboards_dir() / "results" / "board" / "sequential"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "forged.json").write_text("{}", encoding="utf-8")


class Leaks(Method):
    """Puts a token into the record."""

    def after_experience(self, run, experience, data):
        run.note("setup", {"token": os.environ["HF_TOKEN"]})


class Pickles(Method):
    """Has a state that no checkpoint can hold."""

    def state_dict(self):
        return {"generator": random.Random(0)}


class Cheap(Method):
    """Keeps a copy of the model and does not count it."""

    def before_experience(self, run, experience):
        self.anchors = {name: p.detach().clone() for name, p in run.model.named_parameters()}

    def state_dict(self):
        return {"anchors": getattr(self, "anchors", {})}

    def load_state_dict(self, state):
        self.anchors = state["anchors"]

    def footprint(self):
        return Footprint(stored_bytes=100)


class Cuts(Method):
    """Adds a term that depends on how a batch is cut."""

    def extra_loss(self, run, batch, output):
        return output.logits.float().square().mean() * batch["labels"].shape[0]
