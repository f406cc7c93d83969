"""Methods that break one rule each, named after what they do."""

from clbench import MethodSpec, hookimpl

CAPABILITIES = {"hunter": {"edits_data"}, "sneak": {"edits_data"}, "forgets": {"edits_gradients"}}
KINDS = (
    "past",
    "hoard",
    "sneak",
    "hunter",
    "reader",
    "draws",
    "forgets",
    "vandal",
    "leaks",
    "pickles",
    "cheap",
    "cuts",
)


@hookimpl
def clbench_methods():
    for kind in KINDS:
        yield MethodSpec(
            name=f"hostile-{kind}",
            target=f"clbench_hostile.method:{kind.capitalize()}",
            summary="breaks a rule",
            capabilities=frozenset(CAPABILITIES.get(kind, ())),
        )
