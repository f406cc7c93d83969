"""Causal language models by name: the bundled `clbench/tiny`, a local folder, or a Hub id.

`describe` says which model a name means, without torch; `load_model` loads it. Remote code is not run unless asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import home
from clbench.base.errors import ModelError, first_line
from clbench.models import adapters, folder, gguf
from clbench.models.bearing.padding import Padding
from clbench.models.panics import panics_are_errors
from clbench.models.ref import ModelRef
from clbench.models.weights import cast, dtype_of, quantise

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from clbench.plugins.manager import Plugins
    from clbench.spec.protocol import Runtime, Weights

BUNDLED = "clbench/tiny"
_BUNDLED_FOLDER = Path(__file__).parent.parent / "tiny"


def describe(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> ModelRef:
    """Find out what a model name means.

    Raises:
        ModelError: a folder that holds no model, or a Hub id that cannot be reached.
    """
    if name == BUNDLED:
        return folder.describe(_BUNDLED_FOLDER, name=BUNDLED)
    path = Path(name).expanduser()
    if home.is_dir(path):
        return folder.describe(path, name=path.resolve().name, trust_remote_code=trust_remote_code)
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"{name}: is no folder; give a folder with a saved model, a Hub id, or {BUNDLED}")
    commit = _hub_revision(name, revision)
    return ModelRef(name, name, commit, local=False, trust_remote_code=trust_remote_code, revision=commit)


def _hub_revision(name: str, revision: str | None) -> str:
    from huggingface_hub import HfApi

    try:
        return str(HfApi().model_info(name, revision=revision).sha)
    except Exception as error:
        return _cached_revision(name, revision, error)


def _cached_revision(name: str, revision: str | None, error: Exception) -> str:
    """Without a network, what an earlier download left."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    path = None if isinstance(error, HFValidationError) else try_to_load_from_cache(name, "config.json", None, revision)
    if isinstance(path, str):
        return Path(path).parent.name
    raise ModelError(
        f"model {name!r}: neither a local folder nor to be had from the Hub ({type(error).__name__}); "
        f"check the name and the network, or use --model {BUNDLED}"
    ) from error


@dataclass(slots=True)
class LoadedModel:
    """A model ready for training.

    Args:
        model: on the device.
        tokenizer: its tokenizer.
        notes: what a user should know of it.
        padding: what it bears, as `checks` finds.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    notes: tuple[str, ...] = ()
    padding: Padding = field(default_factory=Padding)


def load_model(
    ref: ModelRef,
    *,
    device: torch.device | str,
    runtime: Runtime,
    plugins: Plugins | None = None,
    weights: Weights = "fp32",
) -> LoadedModel:
    """Load weights and tokenizer.

    Args:
        ref: which model.
        device: where its weights go.
        runtime: attention, activation checkpoints.
        plugins: that may load it themselves.
        weights: what they are kept in, as `Protocol.weights` has it.

    Raises:
        ModelError: no causal LM, damaged weights, or a tokenizer that does not fit them.
    """
    found = plugins and plugins.manager.hook.clbench_load_model(name=ref.location, device=str(device))
    if found:
        model, tokenizer, notes = found[0], found[1], ()
    else:
        tokenizer = load_tokenizer(ref)
        model, notes = _load_weights(ref, runtime, dtype=dtype_of(weights))
    rows = model.get_input_embeddings().weight.shape[0]  # type: ignore[index]
    if len(tokenizer) > rows:  # type: ignore[arg-type]
        raise ModelError(
            f"model {ref.name!r}: the tokenizer has {len(tokenizer)} tokens, the model {rows}: they do not fit"
        )
    use_greedy_decoding(model, tokenizer, name=ref.name)
    _keep_weights_as_they_are(model)
    if runtime.gradient_checkpointing:
        recompute(model)
    cast(model, weights)
    model.to(device)  # type: ignore[arg-type]
    folder.check_finite(model, name=ref.name)
    quantise(model, weights)
    return LoadedModel(model, tokenizer, notes)


def recompute(model: Any) -> None:
    """Have the backward pass make each layer's activations anew."""
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)()  # the name before transformers 5.2x


def load_tokenizer(ref: ModelRef) -> PreTrainedTokenizerBase:
    """A model's tokenizer.

    Raises:
        ModelError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    _silence()
    own = ref.adapter and (Path(ref.adapter) / "tokenizer_config.json").is_file()
    where, how = (ref.adapter, {}) if own else (ref.location, _revision(ref))
    try:
        with panics_are_errors():
            return AutoTokenizer.from_pretrained(where, **how)
    except Exception as error:
        raise ModelError(f"model {ref.name!r}: its tokenizer cannot be loaded ({first_line(error)})") from error


def load_config(ref: ModelRef) -> Any:
    """A model's configuration, as transformers has it.

    Raises:
        ModelError: it cannot be loaded.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(ref.location, **_revision(ref))
    except Exception as error:
        raise ModelError(f"model {ref.name!r}: its config.json cannot be loaded ({first_line(error)})") from error


def _load_weights(ref: ModelRef, runtime: Runtime, *, dtype: torch.dtype) -> tuple[PreTrainedModel, tuple[str, ...]]:
    config = load_config(ref)  # its own complaint comes first
    try:
        if ref.local and not ref.gguf:
            folder.check_size(ref, config)
        (model, info), notes = _with_attention(ref, runtime.attention, dtype)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"model {ref.name!r}: cannot be loaded as a causal LM ({first_line(error)})") from error
    notes = (*notes, *_check_weights(ref, info))
    if ref.gguf:
        gguf.forget_quantisation(model)
    return adapters.merge(model, ref) if ref.adapter else model, notes


def _with_attention(ref: ModelRef, wanted: str, dtype: torch.dtype) -> tuple[Any, tuple[str, ...]]:
    """The model with loading's own report, and what a user should know of its attention."""
    try:
        return _from_pretrained(ref, "sdpa" if wanted == "auto" else wanted, dtype), ()
    except ValueError as error:  # raised before any weight is read
        if "scaled_dot_product_attention" not in str(error):
            raise
        if wanted != "auto":
            raise ValueError("its architecture has no sdpa; use runtime.attention=auto") from error
    return _from_pretrained(ref, "eager", dtype), (f"{ref.name}: attention is eager, as its architecture has no sdpa",)


def _from_pretrained(ref: ModelRef, attention: str, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        ref.location,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        attn_implementation=attention,
        dtype=dtype,
        **_revision(ref),
    )


def _check_weights(ref: ModelRef, info: Mapping[str, Any]) -> tuple[str, ...]:
    """What transformers would fill with random numbers is refused; what it leaves out is noted."""
    wrong = sorted([*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])])
    if wrong:
        raise ModelError(
            f"model {ref.name!r}: its weights do not fit its config.json: {len(wrong)} tensors are missing or have "
            f"another shape, such as {wrong[0]}"
        )
    unused = len(info["unexpected_keys"])
    return (
        (f"{ref.name}: {unused} tensors of its weights are no part of the model and were left out",) if unused else ()
    )


def _silence() -> None:
    """Progress is ours to show, and what is wrong with a model is ours to say in one line."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _revision(ref: ModelRef) -> dict[str, Any]:
    named = {"revision": ref.revision, "gguf_file": ref.gguf}
    return {"trust_remote_code": ref.trust_remote_code, **{key: value for key, value in named.items() if value}}


def use_greedy_decoding(model: PreTrainedModel, tokenizer: Any, *, name: str) -> None:
    """Forget the checkpoint's own sampling settings; keep its additional end tokens."""
    from transformers import GenerationConfig

    own = model.generation_config.eos_token_id if model.generation_config is not None else None
    ends = {tokenizer.eos_token_id, *folder.check_ends(own, where=f"model {name!r}")} - {None}
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=sorted(ends), pad_token_id=pad)


def add_end(model: PreTrainedModel, token: int) -> None:
    """Generation stops at this token, too."""
    config = model.generation_config
    assert config is not None
    config.eos_token_id = sorted({*config.eos_token_id, token})  # type: ignore[misc]


def _keep_weights_as_they_are(model: PreTrainedModel) -> None:
    """RWKV halves its weights for evaluation, for fp16's sake: saved or adapted, half of that is lost."""
    if hasattr(model.config, "rescale_every"):
        model.config.rescale_every = 0
