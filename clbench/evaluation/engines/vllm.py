"""vLLM, where it is installed: an engine of its own in the same process, given the model's weights in place.

It is made once a run, of the configuration alone, and takes over the weights whenever it is asked, so that it always
answers as the model under training does. Stops that are texts are cut off afterwards.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from clbench.evaluation.engines import checking
from clbench.evaluation.engines.engine import Batch, Place
from clbench.training import head

SHARE = 0.4  # of the GPU's memory: training keeps the rest
IN_PROCESS = "VLLM_ENABLE_V1_MULTIPROCESSING"


@dataclass(slots=True)
class Vllm:
    """One engine for all the weights that a run's model goes through.

    Args:
        place: of the model.
    """

    place: Place
    name: ClassVar[str] = "vllm"
    plans: ClassVar[bool] = True
    _engine: Any = None

    @staticmethod
    def missing(device: torch.device) -> str:
        """Why it cannot be had; empty where it can."""
        if importlib.util.find_spec("vllm") is None:
            return "vllm is not installed; pip install vllm, in an environment that may get the torch it asks for"
        return ""

    def refusal(self, model: Any, sample: Batch) -> str:
        """A wrapped model, parameters that its architecture does not have, or one that vLLM does not know."""
        if head.bare(model) is not model:
            return "the model is wrapped, as by an adapter"
        added = set(model.state_dict()) - _own_names(model)
        if added:
            return f"the method has added parameters that vLLM does not know, such as {min(added)}"
        return checking.refusal(self, model, sample, self.place)

    def write(self, model: Any, batch: Batch) -> list[list[int]]:
        """New tokens of each prompt, by the weights as they are now."""
        from vllm import SamplingParams  # type: ignore[import-not-found]

        engine = self._made(model)
        weights = [(name, p.detach()) for name, p in model.state_dict().items()]
        engine.apply_model(lambda inner: inner.load_weights(weights))
        engine.reset_prefix_cache()  # of other weights
        how = SamplingParams(
            temperature=0.0, max_tokens=batch.limit, stop_token_ids=sorted(batch.ends), detokenize=False
        )
        asked = [{"prompt_token_ids": list(prompt)} for prompt in batch.prompts]
        return [list(one.outputs[0].token_ids) for one in engine.generate(asked, how, use_tqdm=False)]

    def _made(self, model: Any) -> Any:
        """The engine, made when it is first needed, with weights that do not matter."""
        if self._engine is None:
            os.environ.setdefault(IN_PROCESS, "0")  # weights are handed over within the process
            from vllm import LLM  # type: ignore[import-not-found]

            with tempfile.TemporaryDirectory() as folder:
                model.config.save_pretrained(folder)
                self._engine = LLM(
                    model=folder,
                    load_format="dummy",
                    skip_tokenizer_init=True,
                    dtype="bfloat16" if self.place.precision == "bf16" else "float32",
                    gpu_memory_utilization=SHARE,
                )
        return self._engine


def _own_names(model: Any) -> set[str]:
    """Names of what a model of this architecture holds."""
    with torch.device("meta"):
        return set(type(model)(model.config).state_dict())
