"""Has another name than the question wants."""


def get_estimator():
    return None
