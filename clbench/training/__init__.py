"""The inner loop: batches, the loss over answers, gradients, optimizer steps, the hooks of a method.

In: a model, a method, examples. Out: changed weights and counts. Golden losses in the tests are bit-exact; a change
that moves one is a change of the protocol.
"""
