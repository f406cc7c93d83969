"""Merging, as a method of clbench: `clbench run --plugin sequential+merge`. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The method `merge`; how is a value of its options."""
    yield MethodSpec(
        name="merge",
        target="clbench_merge.method:Merge",
        summary="after each task the weights are merged with earlier ones: average, task arithmetic, TIES, DARE, stock",
        source="Wortsman et al., 2022, arXiv:2109.01903; Ilharco et al., 2023, arXiv:2212.04089; "
        "Yadav et al., TIES, 2023, arXiv:2306.01708; Yu et al., DARE, 2024, arXiv:2311.03099; "
        "Jang et al., Model Stock, 2024, arXiv:2403.19522",
    )
