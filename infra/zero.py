"""How a training is spread over its processes, as a profile says it; `infra.sharding` does it.

Apart from that one, because reading a profile should not import torch.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Sharding(BaseModel):
    """Changes memory and speed, not what is learned."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    zero: Literal[0, 1, 2, 3] = 0
    """What every rank holds only a piece of: nothing, optimizer state, gradients too, or parameters too."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """What the network computes in. With bf16 the optimizer steps on an fp32 copy."""
