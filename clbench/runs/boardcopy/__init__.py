"""The copy of a record that boards keep: small, read as the record that it is.

In: a record. Out: `compact` makes its copy and writes it; `shorthand` leaves out what follows from the rest, `common`
what stands once beside all records of a board. Reading is the record's own (`clbench.runs.record`).
"""
