"""Every rank holds a piece: DeepSpeed's ZeRO 1, 2 and 3. The only file that imports deepspeed.

DeepSpeed leaves out a step whose gradients are not finite, and goes on without a word; here each such step is
read from its optimizer and handed to the caller. Its own checkpoints are not used: tensors are gathered and put
back one parameter at a time, so that what one number of ranks has saved another can load.

A `flat` is this rank's fp32 piece of a group of parameters, as one vector; the optimizer knows only flats.
"""

import contextlib
import io
import logging
import math
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from infra.sharding.ranks import as_rank_0_has_it, device, rank, world
from infra.sharding.settings import (
    Autocast,
    Get,
    OptimizerFor,
    ShardingError,
    Stepped,
    checked,
    trainable,
)
from infra.zero import Sharding

if not torch.cuda.is_available():
    os.environ.setdefault(
        "DS_ACCELERATOR", "cpu"
    )  # it looks for other accelerators otherwise, and prints that

import deepspeed
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)

logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # or the first use compiles C++ for minutes
BUCKET = 50_000_000
"""Numbers that are reduced at once. DeepSpeed's default takes ten times the memory."""


class Pieces:
    def __init__(
        self, net: nn.Module, optimizer_for: OptimizerFor, sharding: Sharding, accumulate: int
    ) -> None:
        named = trainable(net)
        low = sharding.dtype == "bf16"
        optimizer = optimizer_for(named)
        if getattr(optimizer, "whole_matrices", False):
            raise ShardingError(
                "this optimizer needs whole matrices; take optimizer adamw, or a profile with zero = 0"
            )
        as_rank_0_has_it(net)
        # DeepSpeed makes its fp32 copy of what is rounded already; this is put in its place.
        exact = {name: parameter.detach().float().cpu().clone() for name, parameter in named if low}
        self._zero = sharding.zero
        self._accumulate = accumulate
        self._waiting = 0
        self._engine = _engine(net, optimizer, _config(sharding, accumulate))
        self.optimizer: Any = self._engine.optimizer
        self._names = {parameter: name for name, parameter in named}
        self.module: nn.Module = Autocast(self._engine, device().type) if low else self._engine
        if low:
            self._put_values(lambda name: {"value": exact[name]})

    def backward(self, loss: Tensor) -> None:
        self._waiting += 1
        self._engine.backward(loss)
        if self._waiting < self._accumulate:
            self._engine.step()  # counts the micro-batch, and does nothing else

    def step(self, longest: float, most: float = math.inf) -> Stepped:  # noqa: ARG002
        """DeepSpeed measures and clips within its own step: a gradient longer than `most` is cut, not left out."""
        assert self._waiting == self._accumulate, f"{self._waiting} micro-batches of {self._accumulate}"
        self._waiting = 0
        self.optimizer.clip_grad = longest
        self._engine.step()
        if self.optimizer.overflow:
            return Stepped(math.inf, False)
        return Stepped(float(self._engine.get_global_grad_norm()), True)

    def values(self) -> dict[str, Tensor]:
        every = [parameter for parameters, _ in self._groups() for parameter in parameters]
        return {self._names[one]: safe_get_full_fp32_param(one) for one in every}

    def tensors(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        self._link_states()
        for parameters, flat in self._groups():
            state = self.optimizer.optimizer.state.get(flat, {})
            for parameter in parameters:
                own = {"value": safe_get_full_fp32_param(parameter)}
                for key, one in state.items():
                    split = one.shape == flat.shape
                    own[key] = safe_get_full_optimizer_state(parameter, key) if split else one
                yield (
                    self._names[parameter],
                    {key: one.detach().to("cpu", copy=True) for key, one in own.items()},
                )

    def load(self, get: Get) -> None:
        self._put_values(get)
        for parameters, flat in self._groups():
            self._make_state(flat, get(self._names[parameters[0]]))
        self._link_states()
        for parameters, _ in self._groups():
            for parameter in parameters:
                saved = get(self._names[parameter])
                for key, tensor in saved.items():
                    if key != "value" and tensor.shape == saved["value"].shape:
                        self._put(parameter, tensor, key)

    def _make_state(self, flat: Tensor, saved: Any) -> None:
        """Room for a group's tensors, and its scalars: they are those of any of its parameters."""
        shape = saved["value"].shape
        self.optimizer.optimizer.state[flat] = {
            key: torch.zeros_like(flat.data) if tensor.shape == shape else tensor.clone()
            for key, tensor in saved.items()
            if key != "value"
        }

    def _link_states(self) -> None:
        """So that each parameter finds its part of its flat's state.

        DeepSpeed does so once, when the first group has made its step: the others have no state then.
        """
        if self._zero < 3:
            self.optimizer._hp_optimizer_states_linked = False
            self.optimizer._lazy_init_hp_params_optimizer_state()

    def _put_values(self, get: Get) -> None:
        for parameters, _ in self._groups():
            for parameter in parameters:
                name = self._names[parameter]
                shape = parameter.ds_shape if self._zero == 3 else parameter.shape
                value = checked(name, get(name), shape)["value"]
                self._put(parameter, value)
                if self._zero == 3:
                    with deepspeed.zero.GatheredParameters(parameter, modifier_rank=0):
                        parameter.data.copy_(value)
        if self._zero < 3:
            self.optimizer.update_lp_params()

    def _put(self, parameter: Any, whole: Tensor, key: str | None = None) -> None:
        """This rank's piece of `whole` into the fp32 parameter, or the optimizer's tensor `key`."""
        whole = whole.to(device())
        if self._zero < 3:
            if key is None:
                safe_set_full_fp32_param(parameter, whole)
            else:
                safe_set_full_optimizer_state(parameter, whole, key)
            return
        # The last rank's piece may be padded, which safe_set_full_* of stage 3 doesn't do.
        size = parameter.ds_tensor.numel()
        padded = nn.functional.pad(whole.flatten(), (0, size * world() - whole.numel()))
        piece = padded[size * rank() : size * (rank() + 1)]
        if key is None:
            safe_set_local_fp32_param(parameter, piece)
        else:
            safe_set_local_optimizer_state(parameter, piece, key)

    def _groups(self) -> Iterator[tuple[list[Any], Tensor]]:
        """Parameters, and the flat that holds this rank's piece of them."""
        of_stage = {
            "DeepSpeedZeroOptimizer": ("bit16_groups", "single_partition_of_fp32_groups"),
            "BF16_Optimizer": ("bf16_groups", "fp32_groups_flat_partition"),
            "DeepSpeedZeroOptimizer_Stage3": ("fp16_groups", "fp32_partitioned_groups_flat"),
        }
        groups, flats = of_stage[type(self.optimizer).__name__]
        yield from zip(getattr(self.optimizer, groups), getattr(self.optimizer, flats), strict=True)


def leave() -> None:
    """Ends the process group, and what DeepSpeed remembers of it, if it has seen it."""
    if deepspeed.comm.is_initialized():
        deepspeed.comm.destroy_process_group()
    else:
        torch.distributed.destroy_process_group()


def _engine(net: nn.Module, optimizer: torch.optim.Optimizer, config: dict[str, Any]) -> Any:
    os.environ.setdefault("LOCAL_RANK", "0")  # asked for even by a world of one
    deepspeed.init_distributed(dist_backend=torch.distributed.get_backend(), auto_mpi_discovery=False)
    # A process that is shown one GPU only has number 0, whatever LOCAL_RANK says.
    place = SimpleNamespace(device_rank=device().index or 0)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints how much memory there is, many times
        return deepspeed.initialize(
            args=place, model=net, optimizer=optimizer, config=config, dist_init_required=False
        )[0]


def _config(sharding: Sharding, accumulate: int) -> dict[str, Any]:
    low = sharding.dtype == "bf16"
    return {
        "train_micro_batch_size_per_gpu": 1,  # only counted, never used
        "gradient_accumulation_steps": accumulate,
        "gradient_clipping": 1.0,  # set before each step
        "steps_per_print": 2**31,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": {"stage": sharding.zero, "reduce_bucket_size": BUCKET, "overlap_comm": False},
        **({"bf16": {"enabled": True}, "data_types": {"grad_accum_dtype": "fp32"}} if low else {}),
    }
