"""`conpet`: dynamic ConPET, an adapter a task and a classifier that selects one for each prompt (arXiv 2309.14763).

The parameters of a task are trained alone and kept (`clbench_peft.isolated`); which of them a prompt needs is learned
from the present prompts and a few of each past task (`classifier`). The authors' selector is a language model with
parameters of its own; here it is linear, on the frozen base model's feature of the prompt, so that it costs no
training pass. Their static variant is one adapter with a bounded replay: `lora+replay`.
"""

from __future__ import annotations

from typing import ClassVar, final

from pydantic import Field

from clbench import Footprint, MethodOptions
from clbench_adapters.classifier import Classifier
from clbench_peft.features import Pooling
from clbench_peft.isolated import Isolated
from clbench_peft.method import LoraOptions
from clbench_peft.routing import Routing


class ConpetOptions(LoraOptions):
    """Options of `conpet`, beside those of `lora`.

    Args:
        memory: prompts of each task whose features are kept, to learn the classifier on again.
        feature: of a prompt: the `mean` of the base model's last hidden states over its tokens, or its `last` token's.
        decay: of the classifier's weights.
    """

    memory: int = Field(default=64, ge=1, le=1_000_000)
    feature: Pooling = "mean"
    decay: float = Field(default=0.01, gt=0, allow_inf_nan=False)


@final
class Conpet(Isolated):
    """Adapters of past tasks, and a classifier over them."""

    Options: ClassVar[type[MethodOptions]] = ConpetOptions
    options: ConpetOptions
    label = "conpet"

    def routing(self) -> Routing:
        """By a classifier."""
        self._classifier = Classifier(self.options.memory, decay=self.options.decay)
        return Routing(self._classifier, self.options.feature)

    def footprint(self) -> Footprint:
        """As of its like; the features are of so many records."""
        return super().footprint() + Footprint(stored_examples=sum(map(len, self._classifier.kept)))
