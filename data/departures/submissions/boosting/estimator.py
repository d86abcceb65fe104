"""Boosted trees on the hours around: who was due before, who may leave early, and how the weather has been.

A row's neighbours are in X, in order of time, so features of earlier hours are made inside the pipeline. Of
later hours only the schedule is used, which is known long before; their weather is not.
"""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

AIRPORTS = ["EWR", "JFK", "LGA"]
HOURS_AROUND = {
    "scheduled": (-1, 1, 2, 3),
    "scheduled_first_5": (-1, 1),
    "scheduled_last_15": (-1, 1),
    "visib": (1, 2, 3, 6),
    "precip": (1, 2, 3),
    "wind_speed": (1, 2, 3),
    "wind_gust": (1, 2),
}
HOURS_OF_A_MEAN = (3, 6, 12)


def features(X: pd.DataFrame) -> pd.DataFrame:
    """Columns as they are, those of hours before (and of the schedule after), means, and sums of the day."""
    made = {"weekday": pd.to_datetime(X["date"]).dt.day_of_week}
    made["airport"] = pd.Categorical(X["airport"], AIRPORTS)
    of_airport = X.groupby("airport", sort=False)
    for column, hours in HOURS_AROUND.items():
        for n in hours:
            made[f"{column}_{n}"] = of_airport[column].shift(n)
    for column in ("temp", "precip", "visib", "wind_gust"):
        for n in HOURS_OF_A_MEAN:
            mean = of_airport[column].rolling(n, min_periods=1).mean()
            made[f"{column}_mean_{n}"] = mean.droplevel(0)
    made["scheduled_today"] = X.groupby(["airport", "date"], sort=False)["scheduled"].cumsum()
    for column in ("precip", "visib", "wind_gust"):
        made[f"{column}_city"] = X.groupby(["date", "hour"], sort=False)[column].transform("mean")
    return X.drop(columns="date").assign(**made)


def get_estimator():
    trees = HistGradientBoostingRegressor(
        max_iter=400,
        learning_rate=0.03,
        max_leaf_nodes=15,
        categorical_features="from_dtype",
        random_state=0,
    )
    return make_pipeline(FunctionTransformer(features), trees)
