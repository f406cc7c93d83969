"""A record's word: checked against its run's files, derived again from what it was made from, packed for others.

In: a finished run's folder, or a record with its archive. Out: a `Check` a property. Nothing here makes a number that
stands in a record; a change may let less pass, or say more of what could not be looked at.
"""
