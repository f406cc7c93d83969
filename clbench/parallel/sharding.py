"""A model shared out to several processes by accelerate: copies of it (DDP), or parts (FSDP 2, torch's `fully_shard`).

That parameters are to be in parts is all that is taken from a launcher's settings of FSDP: how they are cut moves no
result, and what moves one is the protocol's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench.base.errors import RunError

if TYPE_CHECKING:
    from accelerate import Accelerator


def make(*, cpu: bool, in_parts: bool) -> Accelerator:
    """The device and the other processes.

    Args:
        cpu: whether no GPU is used.
        in_parts: whether each process is to hold a part of each parameter only.

    Raises:
        RunError: torch or accelerate is too old for parts.
    """
    from accelerate import Accelerator

    if not in_parts:
        return Accelerator(cpu=cpu, mixed_precision="no")
    plugin = _plugin()
    made = Accelerator(cpu=cpu, mixed_precision="no", fsdp_plugin=plugin)
    if cpu:  # where accelerate itself has copies only
        from accelerate import DistributedType

        made.state.fsdp_plugin, made.state.distributed_type = plugin, DistributedType.FSDP
    return made


def _plugin() -> Any:
    from torch.distributed import fsdp

    if not hasattr(getattr(fsdp, "FSDPModule", None), "reset_iter_state"):
        raise RunError("FSDP: this torch is too old to put parameters in parts; install torch 2.15, or leave FSDP off")
    from accelerate import FullyShardedDataParallelPlugin

    return FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        reshard_after_forward=True,
        cpu_offload=False,
        cpu_ram_efficient_loading=False,  # every process reads the weights
    )


def share_out(accelerator: Accelerator, model: Any) -> Any:
    """The model as its forward passes are to be made; in parts it is the model itself, whose parameters are cut."""
    if not getattr(accelerator, "is_fsdp2", False):
        return accelerator.prepare_model(model)
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model

    made: Any = fsdp2_prepare_model(accelerator, model)
    made._get_fsdp_state()._lazy_init()  # by all at once: a process may have nothing to ask in the first evaluation
    return made
