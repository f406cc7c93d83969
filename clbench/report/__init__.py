"""Records to one self-contained HTML page.

In: records, or run directories as far as they have come. Out: HTML, a pure function of them: no script, no network, and
every text from outside escaped (`html`). A change here may touch how a number is drawn and never what it is.
"""

from clbench.report.page import render
from clbench.report.subject import Subject, of_record, of_run_dir, with_lost_answers

__all__ = ["Subject", "of_record", "of_run_dir", "render", "with_lost_answers"]
