"""Methods that break one rule each, named after what they do."""

from clbench import MethodSpec, hookimpl

CAPABILITIES = {
    "hunter": {"edits_data"},
    "sneak": {"edits_data"},
    "elsewhere": {"edits_data"},
    "invents": {"edits_data"},
    "forgets": {"edits_gradients"},
}
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
CHEATS = (
    *("frames", "compressed", "elsewhere", "invents", "decodes", "scores", "recodes", "recalls", "shrinks", "steps"),
    *("loops", "copies", "renames", "links", "forks", "threads"),
    *("asks", "opens", "prices"),
)


@hookimpl
def clbench_methods():
    for kind in KINDS + CHEATS:
        yield MethodSpec(
            name=f"hostile-{kind}",
            target=f"clbench_hostile.{'cheats' if kind in CHEATS else 'method'}:{kind.capitalize()}",
            summary="breaks a rule",
            capabilities=frozenset(CAPABILITIES.get(kind, ())),
        )
