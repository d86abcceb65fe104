"""Ridge regression: what is usual at this airport and hour, the schedule, and the weather an hour before."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

SCHEDULE = ["scheduled", "scheduled_first_5", "scheduled_last_15"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def with_calendar(X: pd.DataFrame) -> pd.DataFrame:
    """Add the weekday, and airport and hour as one."""
    return X.assign(
        weekday=pd.to_datetime(X["date"]).dt.day_of_week,
        slot=X["airport"] + X["hour"].astype(str),
    )


def get_estimator():
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["slot", "weekday"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), [*SCHEDULE, *WEATHER]),
    )
    return make_pipeline(FunctionTransformer(with_calendar), columns, Ridge())
