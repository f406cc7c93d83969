"""Who writes a model's greedy answers: one small interface, and the engines behind it.

In: a model and prompts in tokens. Out: new tokens of each, the same whichever engine wrote them but for rounding. Each
engine shows on a sample that it does before it is believed; where it does not, the next one takes its place, which is
said. transformers' `generate` stands last: it takes any model, and any choice of the next token.
"""
