"""A causal language model by name: described without torch, loaded, put on a device, its drift measured.

In: what `--model` says. Out: `ModelRef` (what a board holds) and `LoadedModel`. What a model must be able to do is
checked here, once, so that no room above needs to ask. How a model is identified is part of boards' names.
"""
