"""The bundled model as one room: its invented world, how it was pre-trained on it, its weights.

In: nothing at run time. Out: `clbench/tiny`, the model that every offline run starts from, and the probes of what it
knows (`world.probe_records`). Weights, tokenizer and the texts of `world` belong together and are never changed apart:
another text needs other weights and another name.
"""
