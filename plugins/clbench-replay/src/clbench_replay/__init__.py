"""Replay, as methods of clbench: `clbench run --plugin replay`. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """`replay`, whose options say what is kept and when it is trained on; `ssr` and `lamol`, which make theirs up."""
    yield MethodSpec(
        name="replay",
        target="clbench_replay.method:Replay",
        summary="a bounded memory of past records, mixed into each step or trained on after each task",
        capabilities=frozenset({"edits_data", "stores_examples", "sharded_ok"}),
        source="Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019, arXiv:1902.10486; "
        "schedule=after-task: Wang et al., TRACE, 2023, arXiv:2310.06762",
    )
    yield MethodSpec(
        name="ssr",
        target="clbench_replay.ssr:Ssr",
        summary="self-synthesized rehearsal: past tasks in records that the model has made up and answered itself",
        capabilities=frozenset({"edits_data", "stores_examples", "extra_backward"}),
        limit="the model writes between steps, each process as long as its own answers take",
        source="Huang et al., Mitigating Catastrophic Forgetting in LLMs with Self-Synthesized Rehearsal, ACL 2024, "
        "arXiv:2403.01244",
    )
    yield MethodSpec(
        name="lamol",
        target="clbench_replay.lamol:Lamol",
        summary="one model learns to answer and to write its records, so that it rehearses what it writes of the past",
        capabilities=frozenset({"edits_data", "extra_backward"}),
        limit="the model writes between steps, each process as long as its own answers take",
        source="Sun et al., LAMOL: LAnguage MOdeling for Lifelong Language Learning, ICLR 2020, arXiv:1909.03329",
    )
