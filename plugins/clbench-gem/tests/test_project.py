"""The quadratic program: no constraint violated at any scale, and the same solution as independent solvers."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize

from clbench_gem.project import project

TOLERANCE = 1e-12  # of mᵢ·g̃ against ‖mᵢ‖‖g‖, with ε = 0


def problems(number, *, seed=0, decades=20):
    """Reference gradients (t, n) and a gradient (n,): Gram entries over 20 decades, between problems and within."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        t, low, high = rng.integers(1, 8), -8 / 2, (decades - 8) / 2  # lengths are roots of Gram entries
        n = rng.integers(t, 60)
        references = rng.standard_normal((t, n))
        if index % 3 == 0:
            references += 3 * rng.standard_normal(n)  # all alike
        references *= 10 ** rng.uniform(low, high, (t, 1) if index % 2 else 1)
        if index % 7 == 0 and t > 1:
            references[1] = 2 * references[0]  # a singular Gram matrix
        gradient = rng.standard_normal(n) * 10 ** rng.uniform(low, high)
        yield references, gradient - rng.uniform(0, 2) * references.mean(axis=0)


def ours(references, gradient, **how):
    norm = float(np.linalg.norm(gradient))
    found = project(references @ references.T, references @ gradient, norm, **how)
    return gradient if found is None else gradient + found.coefficients @ references


def relative(references, gradient, projected):
    """mᵢ·g̃ over ‖mᵢ‖‖g‖."""
    return references @ projected / np.linalg.norm(references, axis=1) / np.linalg.norm(gradient)


def violated(solver, *, tolerance=TOLERANCE, number=1000):
    """In how many of the problems a constraint is violated afterwards."""
    return sum(relative(m, g, solver(m, g)).min() < -tolerance for m, g in problems(number))


def test_no_constraint_is_violated_over_20_decades():
    assert violated(lambda m, g: g) > 800, "there is something to do"
    assert violated(ours) == 0


def test_with_epsilon_what_is_left_is_what_is_said():
    for references, gradient in problems(300):
        found = project(references @ references.T, references @ gradient, np.linalg.norm(gradient), epsilon=1e-3)
        if found is not None:
            left = references @ (gradient + found.coefficients @ references)
            lengths = np.linalg.norm(references, axis=1)
            bound = -1e-3 * found.coefficients * lengths**2
            assert (left >= bound - TOLERANCE * lengths * np.linalg.norm(gradient)).all()


def test_the_default_epsilon_leaves_less_than_a_hundred_thousandth():
    assert violated(lambda m, g: ours(m, g, epsilon=1e-6), tolerance=1e-5) == 0


def test_traces_sign_convention_fails():
    """TRACE passes −Mg, +I and +γ: min ½vᵀPv − (Mg)ᵀv with v ≤ γ."""

    def trace(references, gradient):
        lengths = np.linalg.norm(references, axis=1)
        units, unit = references / lengths[:, None], gradient / np.linalg.norm(gradient)
        v = lsq_linear(units.T, unit, bounds=(-np.inf, 0.5), method="bvls", tol=1e-14).x
        return gradient + np.linalg.norm(gradient) * (v @ units)

    assert violated(trace, number=300) > 200


def test_one_reference_is_the_closed_form():
    for references, gradient in problems(400, seed=1):
        (m,) = references[:1]
        expected = gradient - min(0.0, m @ gradient) / (m @ m) * m
        np.testing.assert_allclose(
            ours(references[:1], gradient), expected, rtol=0, atol=1e-12 * np.abs(gradient).max()
        )


def test_it_is_the_solution_of_the_problem_without_its_gram_matrix():
    """min ‖Mᵀv + g‖ subject to v ≥ 0, on M itself, by bounded least squares: to 1e-8, at all scales."""
    for references, gradient in problems(400, seed=2):
        lengths, norm = np.linalg.norm(references, axis=1), np.linalg.norm(gradient)
        units = references / lengths[:, None]
        v = lsq_linear(units.T, -gradient / norm, bounds=(0, np.inf), method="bvls", tol=1e-15).x
        assert np.abs(ours(references, gradient) / norm - (gradient / norm + v @ units)).max() < 1e-8


def test_gamma_is_the_bound_of_the_authors_program():
    """min ½vᵀMMᵀv + (Mg)ᵀv with v ≥ γ in absolute units, on M itself, by bounded least squares."""
    for references, gradient in problems(200, seed=4, decades=8):
        found = project(references @ references.T, references @ gradient, np.linalg.norm(gradient), gamma=0.5)
        if found is None:
            continue
        lengths = np.linalg.norm(references, axis=1)
        bounds = (0.5 * lengths, np.full(len(lengths), np.inf))  # of v times its reference's length
        v = lsq_linear((references / lengths[:, None]).T, -gradient, bounds=bounds, method="bvls", tol=1e-15).x
        theirs, own = gradient + v @ (references / lengths[:, None]), gradient + found.coefficients @ references
        assert (found.coefficients >= 0.5 * (1 - 1e-12)).all()
        assert np.linalg.norm(own - theirs) < 1e-8 * max(np.linalg.norm(gradient), np.linalg.norm(theirs))


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_it_is_the_solution_of_the_dual_by_another_solver(margin):
    for references, gradient in problems(20, seed=3, decades=8):
        units = references / np.linalg.norm(references, axis=1, keepdims=True)
        unit = gradient / np.linalg.norm(gradient)
        gram, dots = units @ units.T + 1e-3 * np.eye(len(units)), units @ unit
        if (dots >= 0).all():
            continue
        found = minimize(
            lambda v, gram=gram, dots=dots: 0.5 * v @ gram @ v + dots @ v,
            np.full(len(dots), margin + 1),
            jac=lambda v, gram=gram, dots=dots: gram @ v + dots,
            bounds=[(margin, None)] * len(dots),
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        # the objective, as two nearly parallel references share their coefficients in many equally good ways
        v = np.array(project(units @ units.T, dots, 1.0, margin=margin, epsilon=1e-3).coefficients)
        assert (v >= margin - 1e-12).all()
        assert 0.5 * v @ gram @ v + dots @ v <= found.fun + 1e-8
        assert v == pytest.approx(found.x, abs=1e-4)


@given(
    seed=st.integers(0, 10**6),
    kind=st.integers(1, 6),
    power=st.integers(-40, 40),
    which=st.integers(0, 6),
    margin=st.sampled_from([0.0, 0.5]),
)
def test_scale_changes_nothing(seed, kind, power, which, margin):
    """Neither of the gradient, nor of any one reference."""
    *_, (references, gradient) = problems(kind, seed=seed)
    expected = ours(references, gradient, margin=margin)
    scaled = references.copy()
    scaled[which % len(references)] *= 2.0**power
    for m, factor in ((references, 2.0**power), (scaled, 1.0)):
        found = ours(m, gradient * factor, margin=margin) / factor
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.linalg.norm(gradient))


def test_what_violates_nothing_is_left_alone():
    references = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert project(references @ references.T, references @ np.array([0.0, 1, -5]), 5.1, margin=0.5) is None
    assert project(np.zeros((2, 2)), np.zeros(2), 1.0) is None
    assert project(np.eye(1), np.array([-1.0]), 0.0) is None


def test_references_of_zeros_constrain_nothing():
    found = project(np.diag([0.0, 4.0]), np.array([0.0, -2.0]), 3.0)
    np.testing.assert_allclose(found.coefficients, [0, 0.5])
    assert found.active == 1


def test_active_constraints_are_counted():
    found = project(np.eye(3), np.array([-1.0, 2.0, -3.0]), 4.0)
    assert (found.active, found.coefficients.tolist()) == (2, pytest.approx([1, 0, 3]))


def test_a_margin_adds_so_much_of_each_unit_reference():
    found = project(np.diag([1.0, 100.0]), np.array([-0.6, 8.0]), 1.0, margin=0.5)
    assert found.coefficients.tolist() == pytest.approx([0.6, 0.05])
    more = [project(np.eye(2), np.array([-0.6, 0.8]), 1.0, margin=m).coefficients.sum() for m in (0, 0.5, 1, 2)]
    assert all(one < other for one, other in pairwise(more))


AVALANCHE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from avalanche.training.plugins.gem import GEMPlugin
found = []
for references, gradient, margin in json.load(sys.stdin):
    plugin = GEMPlugin(1, margin)
    plugin.G = torch.tensor(references, dtype=torch.float64)
    found.append(plugin.solve_quadprog(torch.tensor(gradient, dtype=torch.float64)).tolist())
print(json.dumps(found))
"""


@pytest.mark.slow
def test_avalanches_gem_is_the_same_at_unit_scale():
    """There its absolute γ and ε are ours. Elsewhere they are not, and its solver gives up on Gram entries of 1e8."""
    if find_spec("avalanche") is None:
        pytest.skip("avalanche-lib is not installed")
    given_ = []
    for references, gradient in problems(60, seed=4):
        units, unit = (
            references / np.linalg.norm(references, axis=1, keepdims=True),
            gradient / np.linalg.norm(gradient),
        )
        given_ += [(units, unit, margin) for margin in (0.0, 0.5) if (units @ unit < 0).any()]
    text = json.dumps([(m.tolist(), g.tolist(), margin) for m, g, margin in given_])
    command = [sys.executable, "-W", "ignore", "-c", AVALANCHE]
    done = subprocess.run(command, input=text, check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert len(theirs) > 80
    for (units, unit, margin), other in zip(given_, theirs, strict=True):
        mine = ours(units, unit, margin=margin, epsilon=1e-3)
        np.testing.assert_allclose(mine, np.array(other), rtol=0, atol=1e-6)  # theirs is rounded to fp32
