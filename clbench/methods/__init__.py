"""What a method is, and how several become one: the contract, composition, what is trained when; four regimes.

In: `run` and records, given by the engine through hooks. Out: a model that has learned. `method` is the public
contract: it only grows, and a method written for an earlier version goes on unchanged. Plain fine-tuning, its bounds
and the frozen model are here; all other methods are plugins.
"""
