"""A plan's records as a document: what was asked, what was measured, what can be told of it.

In: the records of a plan's boards, and a person's questions. Out: markdown in which every number, and every word that
states a result, is computed, and pictures of R; the same bytes for the same records. A change here may touch what is
said, and never what was measured.
"""

from clbench.report.study.evidence import gather
from clbench.report.study.files import Study
from clbench.report.study.questions import default_questions, read_questions
from clbench.report.study.reading import read_study

__all__ = ["Study", "default_questions", "gather", "read_questions", "read_study"]
