"""The Triton pass against torch's operations, bit for bit: by Triton's interpreter, or on a GPU where there is one."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from clbench.base.errors import RunError
from clbench_mofo import fast
from clbench_mofo.optimizer import MofoAdamW

pytest.importorskip("triton", reason="this build of torch comes without Triton")
from triton.runtime import interpreter

from clbench_mofo import device as passes
from clbench_mofo import kernels, layout

# The interpreter of Triton 3.6 has loops whose bounds are arrays.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")
GPU = torch.cuda.is_available()
WHERE = torch.device("cuda" if GPU else "cpu")
SHAPES = ((48, 16), (16, 16), (8, 16), (43, 16), (16,), ())  # grouped queries, a norm, a scalar
COMMON = {"betas": (0.9, 0.95), "eps": 1e-8}


class Patched:
    """What Triton's interpreter has put in the place of its language, until the end."""

    def __init__(self, scope):
        self.scope = scope

    def restore(self):
        pass


@pytest.fixture(scope="module", autouse=True)
def _here():
    """On a CPU: nearest roots, as a GPU's are, and the kernels interpreted, in short turns."""
    scopes = []
    with pytest.MonkeyPatch.context() as patch:
        if not GPU:
            assert kernels.triton.knobs.runtime.interpret, "triton was imported before tests/small.py"
            once = interpreter._patch_lang  # a third of the time otherwise
            patch.setattr(interpreter, "_patch_lang", cache(lambda fn: scopes.append(once(fn)) or Patched(scopes[-1])))
            if not hasattr(getattr(interpreter, "_interpreter", None), "fma_fp32"):
                patch.setattr(interpreter.InterpreterBuilder, "create_fma", rounded_once)
            patch.setattr(torch, "_foreach_sqrt", lambda some: [nearest_root(one) for one in some])
            patch.setattr(torch.Tensor, "sqrt", nearest_root)
            patch.setattr(fast, "DEVICES", ("cpu",))
            patch.setattr(fast, "joined", lambda: None)
            patch.setattr(passes, "SPAN", 512)
            patch.setattr(passes, "BLOCK", 256)
        fast.rounding.cache_clear()
        passes.fits.cache_clear()
        assert fast.rounding(WHERE) is not None, "this build's bits are met; where they are not, the pass is left out"
        yield
    for scope in reversed(scopes):
        scope.restore()
    fast.rounding.cache_clear()
    passes.fits.cache_clear()


@pytest.fixture
def launched(monkeypatch):
    """How many launches each step had."""
    counts = []
    known = passes.DevicePass.launch
    monkeypatch.setattr(
        passes.DevicePass,
        "launch",
        lambda self, launches, **how: counts.append(len(launches)) or known(self, launches, **how),
    )
    return counts


def rounded_once(self, x, y, z):
    """A product and a sum together, as on a card; the interpreter of Triton 3.6, which torch 2.11 has, rounds twice."""
    exact = x.data.astype(np.float64) * y.data.astype(np.float64) + z.data.astype(np.float64)
    return interpreter.TensorHandle(exact.astype(z.data.dtype), z.dtype.scalar)


def nearest_root(values):
    return torch.from_numpy(np.sqrt(values.numpy()))


def parameters(shapes, *, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter((torch.randn(shape, generator=generator) * 0.02).to(WHERE, dtype)) for shape in shapes]


def set_gradients(params, step):
    """Gradients whose size changes now and then, some of them zero and some tied."""
    generator = torch.Generator().manual_seed(100 + step)
    for p in params:
        gradient = torch.randn(p.shape, generator=generator) * 10.0 ** (step // 4 % 3 - 5)
        if step % 7 == 1 and p.dim():
            gradient[: len(p) // 2] = 0
        if step % 9 == 4:
            gradient = gradient.sign() * 0.25
        p.grad = gradient.to(WHERE, p.dtype)


def make(params, **options):
    return MofoAdamW(params, **{**COMMON, "generator": torch.Generator(WHERE).manual_seed(3), **options})


def train(shapes, steps, *, dtype=torch.float32, **options):
    params = parameters(shapes, dtype=dtype)
    optimizer = make(params, **options)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 / (1 + step)
        set_gradients(params, step)
        optimizer.step()
    return bits(params, optimizer)


def bits(params, optimizer):
    state = [value for p in params for value in (p.detach(), *optimizer.state[p].values())]
    return [value.reshape(-1).clone().view(torch.uint8) for value in state]


def assert_both_ways(monkeypatch, launched, shapes, steps, **options):
    ours = train(shapes, steps, **options)
    assert launched == [1] * steps
    with monkeypatch.context() as patch:
        patch.setattr(fast, "DEVICES", ())
        theirs = train(shapes, steps, **options)
    assert len(launched) == steps
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("shapes", "fraction", "dtype"),
    [(((48, 16), (8, 16)), 0.05, torch.float32), (((32, 16), (33, 16)), 0.15, torch.bfloat16)],
    ids=["tied, grouped-query, fp32", "untied, bf16"],
)
def test_fifty_steps_are_the_torch_paths(monkeypatch, launched, shapes, fraction, dtype):
    assert_both_ways(monkeypatch, launched, shapes, 50, fraction=fraction, dtype=dtype)


@pytest.mark.parametrize(
    "options",
    [
        {"fraction": 0.15, "shapes": SHAPES},
        {"fraction": 0.05, "shapes": SHAPES[3:], "dtype": torch.bfloat16},
        {"fraction": 1.0, "weight_decay": 0.1},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decay": "selected", "dtype": torch.bfloat16},
        {"betas": (0.3, 0.999)},
        {"scope": "global"},
        {"scope": "shard", "shards": 3},
        {"score": "gradient"},
        {"score": "mv"},
        {"score": "random"},
        {"score": "magnitude", "weight_decay": 0.1},
    ],
    ids=str,
)
def test_every_option_is_the_torch_paths(monkeypatch, launched, options):
    assert_both_ways(monkeypatch, launched, **{"shapes": SHAPES[1:3], "steps": 3, "fraction": 0.1, **options})


def test_guesses_serve_and_fail_without_a_trace(monkeypatch):
    """The list is taken where a threshold is near the last one; magnitudes are read again where it is not."""
    monkeypatch.setattr(layout, "SPARE", 0)
    params = parameters(((64, 16),))
    optimizer, listed = make(params, fraction=0.1), []
    for step in range(13):
        set_gradients(params, 0)
        params[0].grad *= 1000 if step == 12 else 1
        optimizer.step()
        (_, staged), *_ = optimizer._device._known.values()
        listed.append(int(staged.layout.state[0, kernels.LISTED.value]))
    assert (listed[0], listed[12]) == (-1, -1)
    assert 102 <= listed[11] <= 204


class Asked(TorchDispatchMode):
    """The operations of torch that would make the host wait for a device, or whose result's size depends on data."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal", "_to_copy")

    def __init__(self, allowed):
        super().__init__()
        self.allowed, self.waiting, self.all = {one.data_ptr() for one in allowed}, [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        self.all.append(name)
        hosts = isinstance(args[0], torch.Tensor) and args[0].data_ptr() in self.allowed if args else False
        if name in self.WAITS and not hosts:
            self.waiting.append(name)
        if name == "index" and any(one is not None and one.dtype == torch.bool for one in args[1]):
            self.waiting.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", [{}, {"score": "random"}, {"scope": "global"}, {"weight_decay": 0.1}], ids=str)
def test_the_host_waits_for_nothing(options):
    params = parameters(SHAPES[:2])
    optimizer = make(params, fraction=0.1, **options)
    set_gradients(params, 0)
    optimizer.step()
    with Asked(optimizer.state[p]["step"] for p in params) as asked:  # which are the host's
        optimizer.step()
    assert asked.waiting == []
    assert "copy_" in asked.all


def staged_step(optimizer, params):
    """The two halves of a step: what the host writes, and what a graph may hold."""
    group = optimizer.param_groups[0]
    counted = [optimizer._count(str(number), p, group) for number, p in enumerate(params)]
    launches = optimizer._device.stage(counted, group, number=0, generator=None)
    return lambda: optimizer._device.launch(launches, check=False)


def test_what_is_launched_is_what_is_staged(launched):
    params, plain = parameters(SHAPES[:2]), parameters(SHAPES[:2])
    optimizer, other = make(params, fraction=0.1), make(plain, fraction=0.1)
    for step in range(3):
        set_gradients(params, step)
        set_gradients(plain, step)
        other.step()
        (staged_step(optimizer, params) if step else optimizer.step)()
    assert all(torch.equal(one, two) for one, two in zip(bits(params, optimizer), bits(plain, other), strict=True))


class Silent:
    """In a kernel's place."""

    def __getitem__(self, grid):
        return lambda *arguments, **constants: None


def test_launches_are_kernels_alone(monkeypatch):
    """No operation of torch, so that nothing is allocated and a graph can hold them."""
    params = parameters(SHAPES[:2])
    optimizer = make(params, fraction=0.1)
    set_gradients(params, 0)
    optimizer.step()
    launch = staged_step(optimizer, params)
    for name in ("moments", "digits", "pick", "move"):
        monkeypatch.setattr(kernels, name, Silent())
    with Asked(()) as asked:
        launch()
    assert asked.all == []


@pytest.mark.skipif(not GPU, reason="graphs are a GPU's")
def test_a_graph_holds_the_launches():
    params, plain = parameters(SHAPES[:2]), parameters(SHAPES[:2])
    optimizer, other = make(params, fraction=0.1), make(plain, fraction=0.1)
    graph = torch.cuda.CUDAGraph()
    for p in params:
        p.grad = torch.zeros_like(p)
    for step in range(4):
        set_gradients(plain, step)
        for p, q in zip(params, plain, strict=True):
            p.grad.copy_(q.grad)
        other.step()
        if step == 0:
            optimizer.step()
            continue
        launch = staged_step(optimizer, params)
        if step == 1:
            with torch.cuda.graph(graph):
                launch()
        graph.replay()
    assert all(torch.equal(one, two) for one, two in zip(bits(params, optimizer), bits(plain, other), strict=True))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_a_broken_gradient_is_told_later_and_changes_nothing(bad):
    params = parameters(((20, 16), (8, 16), (16,)))
    optimizer = MofoAdamW(
        [{"params": [("a", params[0])]}, {"params": [("b", params[1]), ("c", params[2])], "fraction": 1.0}],
        fraction=0.1,
        **COMMON,
    )
    set_gradients(params, 0)
    optimizer.step()
    before = bits(params, optimizer)
    set_gradients(params, 1)
    params[1].grad[5, 3] = bad
    optimizer.step()
    set_gradients(params, 2)
    with pytest.raises(RunError, match=r"gradient of b holds NaN or infinity at optimizer step 2"):
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(bits(params, optimizer), before, strict=True))
    optimizer.step()  # a caller may leave the step out and go on
    assert optimizer.state[params[0]]["step"] == 2
    optimizer.state_dict()


def test_a_state_is_not_saved_over_a_broken_gradient():
    params = parameters(((8, 16),))
    optimizer = make(params, fraction=0.1)
    set_gradients(params, 0)
    params[0].grad[0, 0] = float("nan")
    optimizer.step()
    with pytest.raises(RunError, match="at optimizer step 1"):
        optimizer.state_dict()


def test_a_loop_that_has_looked_needs_no_second_look(monkeypatch):
    params = parameters(((8, 16),))
    optimizer = make(params, fraction=0.1, check=False)
    monkeypatch.setattr(kernels, "look", None)
    set_gradients(params, 0)
    optimizer.step()


def test_resumed_is_uninterrupted():
    straight = train(SHAPES[:2], 6, fraction=0.1)
    params = parameters(SHAPES[:2])
    optimizer = make(params, fraction=0.1)
    for step in range(6):
        if step == 3:
            saved, optimizer = copy.deepcopy(optimizer.state_dict()), make(params, fraction=0.1)
            optimizer.load_state_dict(saved)
        optimizer.param_groups[0]["lr"] = 1e-3 / (1 + step)
        set_gradients(params, step)
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(bits(params, optimizer), straight, strict=True))


def test_tensors_without_a_gradient_are_left_alone():
    """As half fine-tuning leaves them, another half in each task."""
    params = parameters(SHAPES[:3])
    optimizer = make(params, fraction=0.1)
    for step, absent in enumerate((0, 1, 0)):
        set_gradients(params, step)
        params[absent].grad = None
        before = [p.detach().clone() for p in params]
        optimizer.step()
        changed = [int((p != old).sum()) for p, old in zip(params, before, strict=True)]
        assert [bool(number) for number in changed] == [index != absent for index in range(3)]


def test_it_can_be_left_out_and_says_so_where_it_must_be(monkeypatch):
    fast.rounding.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("CLBENCH_MOFO_FAST", "0")
        assert fast.rounding(WHERE) is None
    fast.rounding.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(passes, "fits", lambda _: None)
        with pytest.warns(UserWarning, match="a step is torch's operations on .* rounding is not known"):
            assert fast.rounding(WHERE) is None
    fast.rounding.cache_clear()
    assert fast.rounding(WHERE) is not None


def test_every_rounding_of_a_build_is_found(monkeypatch):
    """Torch's operations, replaced by each way in which a build may round them."""

    def first(some, ends, weight):
        for m, g in zip(some, ends, strict=True):
            m.copy_(m + weight * (g - m))

    def second(some, a, b, value):
        for v, x, y in zip(some, a, b, strict=True):
            v.copy_(v.double() + float(np.float32(value)) * (x * y).double())

    def third(some, a, b, values):
        for p, x, y, step in zip(some, a, b, values, strict=True):
            p.copy_(p.double() + float(np.float32(step)) * (x / y).double())

    monkeypatch.setattr(torch, "_foreach_lerp_", first)
    monkeypatch.setattr(torch, "_foreach_addcmul_", second)
    monkeypatch.setattr(torch, "_foreach_addcdiv_", third)
    passes.fits.cache_clear()
    assert passes.fits(WHERE) == passes.Rounding(first=0, second=3, moved=2)
    passes.fits.cache_clear()
