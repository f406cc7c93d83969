"""Records to one self-contained HTML page, a pure function. See `page.render`."""

from clbench.report.page import render
from clbench.report.subject import Subject, of_record, of_run_dir

__all__ = ["Subject", "of_record", "of_run_dir", "render"]
