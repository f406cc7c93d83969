"""The methods; imported only when one is chosen."""

from pydantic import Field

from clbench import Method, MethodOptions


class ExampleOptions(MethodOptions):
    strength: float = Field(default=0.5, ge=0, le=1)


class Example(Method):
    Options = ExampleOptions


class ExampleOptimizer(Method):
    def make_optimizer(self, named_params, run):
        import torch

        return torch.optim.SGD([parameter for _, parameter in named_params], lr=run.protocol.learning_rate)
