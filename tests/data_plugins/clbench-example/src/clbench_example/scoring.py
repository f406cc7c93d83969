"""A scorer and a summary of R."""


def first_word(*, prompt, prediction, answer):
    return float(prediction.split()[:1] == answer.split()[:1] != [])


def worst(matrix):
    last = matrix.num_tasks
    return min(matrix.cell(last, task) for task in range(1, last + 1))
