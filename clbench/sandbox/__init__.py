"""Programs that a model wrote, held by the kernel and judged by a test.

In: text of a program and of its test. Out: a verdict. `sandbox` starts two processes, `child` is what runs in them,
`kernel` holds them. A change here needs the attempts of `tests/sandbox` and `docs/sandbox.md`.
"""
