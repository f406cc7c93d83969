"""The protocol: how a stream is trained and evaluated. Part of a board's identity, so nothing is mere taste.

Anything that does not change results (micro-batch, evaluation batch, device) is `Runtime`'s instead.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from clbench.base.errors import FileError, did_you_mean
from clbench.spec.task import Frozen, Task

Epochs = Annotated[int, Field(ge=1, le=1000)]
Weights = Literal["fp32", "bf16", "frozen-bf16", "frozen-int8", "frozen-nf4"]
Moments = Literal["fp32", "bf16", "8bit"]
Precision = Literal["fp32", "bf16"]
Switch = BeforeValidator(lambda given: ("on" if given else "off") if isinstance(given, bool) else given)
"""YAML reads `on` and `off` as true and false."""
Packing = Annotated[Literal["auto", "on", "off"], Switch]
ASKED = {"precision", "weights", "max_prompt_tokens", "max_answer_tokens", "decoding", "prompt", "system"}
"""What of a protocol moves an answer."""
LATER = ("task_identity", "weights", "moments", "loss", "end_of_text")
"""What is part of a board's identity only where it is not the default."""


class Protocol(Frozen):
    """Training, decoding and evaluation of one stream.

    Args:
        name: `family/version`; the version is raised whenever a default changes.
        learning_rate: peak learning rate.
        epochs: passes over each task's data: a number for all, the name of a published budget
            (`paper-ft`, `paper-lora`, `script`), or a number for each task.
        global_batch: examples an optimizer step, over all devices; accumulation follows from it.
        betas: AdamW's decay rates. TRACE trains with (0.9, 0.95).
        eps: AdamW's ε.
        weight_decay: decoupled, of all trained parameters.
        max_grad_norm: gradients are clipped to this global L2 norm.
        schedule: of the learning rate. TRACE's scripts ask for cosine and train with constant.
        warmup_ratio: share (0–1) of the schedule's span that warms up linearly.
        schedule_span: the schedule runs once over the `stream`, or anew over each `experience`.
        reset_optimizer: whether moments and step count start anew at a task boundary. TRACE: no.
        precision: of the arithmetic: `fp32`, or `bf16` autocast.
        weights: what they are kept in. `fp32`; `bf16`, where updates are rounded stochastically; or, for methods that
            leave the base model's weights as they are, `frozen-bf16`, `frozen-int8` or `frozen-nf4` for these, with
            fp32 for what is trained. All but `fp32` need `precision: bf16`.
        moments: what AdamW's moments are kept in: `fp32`, `bf16` (rounded stochastically), `8bit` (blocks of 256).
        max_prompt_tokens: longer prompts lose their beginning; the answer cue stays.
        max_answer_tokens: longer answers lose their end; also caps each task's `max_new_tokens`.
        evaluate: after each experience all tasks (`full`), those learned so far (`seen`), or only what OP and BWT
            need: the task just learned, and all at the end (`ends`). Row 0, the base model, is whole but for `ends`.
        decoding: greedy.
        scorer: which score ranks.
        prompt: prompts are asked as they stand (`plain`), or through the model's chat template (`chat`).
        system: system prompt of every conversation, with `chat`.
        task_identity: whether a method is told which task it is asked (`given`: task-incremental learning), or not.
        loss: of training, over the `answer`'s tokens, or over those of the whole `text` after its first one.
        end_of_text: which texts learn the token that ends them: `all`, or those that are shorter than the longest of
            their step (`padded`), as where a padding token is taken for it.
    """

    name: str = Field(default="custom/2", pattern=r"^[a-z0-9-]+/[0-9]+$")
    learning_rate: float = Field(default=1e-5, gt=0, le=10, allow_inf_nan=False)
    epochs: Epochs | str | dict[str, Epochs] = 1
    global_batch: int = Field(default=128, ge=1)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    max_grad_norm: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_ratio: float = Field(default=0.0, ge=0, lt=1)
    schedule_span: Literal["stream", "experience"] = "stream"
    reset_optimizer: bool = False
    precision: Precision = "fp32"
    weights: Weights = "fp32"
    moments: Moments = "fp32"
    max_prompt_tokens: int = Field(default=1024, ge=8)
    max_answer_tokens: int = Field(default=512, ge=1)
    evaluate: Literal["full", "seen", "ends"] = "full"
    decoding: Literal["greedy"] = "greedy"
    scorer: Literal["strict", "lenient"] = "strict"
    prompt: Literal["plain", "chat"] = "plain"
    system: str | None = Field(default=None, min_length=1, max_length=10_000)
    task_identity: Literal["hidden", "given"] = "hidden"
    loss: Literal["answer", "text"] = "answer"
    end_of_text: Literal["all", "padded"] = "all"

    @model_validator(mode="after")
    def _system_has_a_place(self) -> Self:
        if self.system is not None and self.prompt != "chat":
            raise ValueError("system needs prompt=chat: a plain prompt has no place for it")
        return self

    @model_validator(mode="after")
    def _weights_can_be_multiplied(self) -> Self:
        if self.weights != "fp32" and self.precision != "bf16":
            raise ValueError(f"weights={self.weights} needs precision=bf16: fp32 arithmetic keeps fp32 weights")
        return self

    def identity(self) -> dict[str, Any]:
        """What boards are told apart by; what was added later is part of it only where it is used."""
        added = {"prompt", "system"} if self.prompt == "plain" else set()
        plain = {name: type(self).model_fields[name].default for name in LATER}
        added |= {name for name, value in plain.items() if getattr(self, name) == value}
        return self.model_dump(mode="json", exclude=added)

    def epochs_of(self, task: Task) -> int:
        """Passes over this task's data.

        Raises:
            FileError: the protocol names a budget, or lists tasks, and this task is not among them.
        """
        if isinstance(self.epochs, int):
            return self.epochs
        table = task.budgets if isinstance(self.epochs, str) else self.epochs
        key = self.epochs if isinstance(self.epochs, str) else task.name
        if key not in table:
            raise FileError(f"protocol.epochs: task {task.name!r} has no {key!r}{did_you_mean(key, table)}")
        return table[key]


class Runtime(Frozen):
    """What changes speed and memory but no result beyond rounding; set by `--set runtime.key=value`.

    Args:
        micro_batch: examples a forward pass and device at most. By default 16 rows where texts are padded, any number
            where they are packed. The global batch stays as the protocol says.
        micro_tokens: tokens a forward pass and device at most, padding included; a longer text passes alone. By
            default what is fast, 4,096 on a CPU and 16,384 on a GPU; never more than memory is expected to bear.
        packing: whether all texts of a pass share one row without padding, each by itself. `auto`: on a GPU, in bf16;
            on a CPU where a padded pass of `micro_batch` texts would be larger than `micro_tokens`.
        eval_batch: prompts a generation batch and device.
        eval_processes: processes that ask a row's tasks at once on a CPU, at most. By default as many as threads
            compute, where that is faster; 1: this one alone.
        device: `auto`, `cpu` or `cuda`.
        attention: how attention is computed. `auto`: `sdpa`, which has the device's fused kernels, where the
            architecture supports it, else `eager`.
        engine: who writes greedy answers: `greedy`, clbench's own decoding; `hf`, transformers' `generate`;
            `continuous`, transformers' continuous batching, on a GPU; `vllm`, where it is installed. Each shows
            on a sample that its answers are the model's own, else the next takes its place. `auto`: `greedy`, `hf`.
        drift: whether to measure how far parameters and answers move; loads the base model again at the end.
        gradient_checkpointing: trade a second forward pass for activation memory.
        compile: whether the model's blocks are compiled (`torch.compile`) for the passes that make a gradient, in one
            process; takes 20 seconds or more at the first of them, and a compiler: C++ on a CPU, Triton on a GPU.
        checkpoint_seconds: time between two checkpoints inside a task; longer where saving takes over 2.5 % of it.
            Every boundary between tasks is saved too.
        checkpoint_steps: optimizer steps between two checkpoints, instead of `checkpoint_seconds`.
        background_saving: whether a run waits only until its state is copied, which takes main memory, and not until
            the copy is written.
        keep_checkpoints: whether the last ones stay when the run is finished.
        share_base_row: whether row 0 is taken from an earlier run where the same model was asked the same in the same
            way, and kept for later ones (`docs/reliability.md`).
    """

    micro_batch: int | None = Field(default=None, ge=1)
    micro_tokens: int | None = Field(default=None, ge=1)
    packing: Packing = "auto"
    eval_batch: int = Field(default=128, ge=1)
    eval_processes: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    engine: Literal["auto", "greedy", "hf", "continuous", "vllm"] = "auto"
    drift: bool = True
    gradient_checkpointing: bool = False
    compile: bool = False
    checkpoint_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    checkpoint_steps: int | None = Field(default=None, ge=1)
    background_saving: bool = True
    keep_checkpoints: bool = False
    share_base_row: bool = True
