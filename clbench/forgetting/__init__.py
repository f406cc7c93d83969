"""Two models, the same records: what the second one lost, whether that is more than noise, and what else moved.

In: two models by name, or one that is being trained, and records. Out: a verdict for each probe, with its error and p.
Nothing is trained here, and nothing is known of streams or methods: `evaluation` asks, `metrics` tests. A change may
touch how answers are kept and shown; when a probe counts as lost is part of what users' gates rest on.
"""
