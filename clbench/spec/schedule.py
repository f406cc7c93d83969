"""In which rows of R a probe is asked, and on which records a stream's tasks are scored."""

from typing import Literal

Schedule = Literal["every", "before-after"]
"""In every row that is measured, or in row 0 and after the stream."""

Split = Literal["test", "eval"]
"""Test records, or validation records, by which settings are chosen."""
