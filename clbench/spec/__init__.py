"""What YAML files and users say: tasks, streams, protocols, presets, probe groups, the forms that prompts are made by.

In: text of files, and the user's `--set`. Out: frozen pydantic objects (`Task`, `StreamFile`, `Protocol` ...) and the
`StreamPlan` that one run follows. Nothing here reads a record or loads torch. A field that changes a result must reach
a board's identity (`StreamPlan.identity`).
"""
