"""Is not Python."""

def get_estimator(:
    return None
