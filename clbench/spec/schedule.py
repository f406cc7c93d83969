"""In which rows of R a probe is asked."""

from typing import Literal

Schedule = Literal["every", "before-after"]
"""In every row that is measured, or in row 0 and after the stream."""
