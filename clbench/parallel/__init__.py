"""Several processes that train one model: what they agree on, and tensors of which each holds a part.

In: flags, values, tensors and a model of one process. Out: those of all. `processes` agrees, `parts` cuts tensors and
puts them together again, `sharding` shares a model out, by accelerate and torch's `fully_shard`. A change here shows in
`tests/engine/test_processes.py`, on two processes.
"""
