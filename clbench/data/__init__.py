"""Records and tokens: where records come from, and how they become batches.

In: a task's `data` (generated `mini`, the official archive, files, the Hub, a plugin). Out: `Example`s with a hash of
what was read, token ids, padded batches. What is read and in which order is part of boards: a changed record of `mini`
or a changed default is a changed board, and the lists in `words` never change, for weights depend on them.
"""
