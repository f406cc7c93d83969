"""What a run will take, before it runs: steps, tokens, prompts, bytes. No weights are read for it.

In: a resolved run. Out: an `Estimate` for `--dry-run`, and a refusal of what cannot fit the device. What is foretold
here changes no result; where it cannot be told (a model of a plugin's own), nothing is refused.
"""
