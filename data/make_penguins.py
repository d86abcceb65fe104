"""Rebuild the csv files of the sample competition penguins from the package palmerpenguins."""

from __future__ import annotations

import pandas as pd
from making import drawn, source_file, split_names, target_directory, with_ids, write

SEED = "penguins 2026"
ID, TARGET = "penguin_id", "sex"
DECIMALS = {"bill_length_mm": 1, "bill_depth_mm": 1, TARGET: 2}


def main() -> None:
    directory = target_directory("penguins")
    source = pd.read_csv(source_file("palmerpenguins", "data/penguins.csv"))
    # In the source male and female alternate, for they were caught as pairs at the nest: hence the shuffle.
    penguins = with_ids(source.dropna(subset=TARGET), ID, SEED)
    penguins = penguins.astype({"flipper_length_mm": int, "body_mass_g": int})

    strata = penguins[TARGET] + " " + penguins["species"]
    in_test = drawn(strata, (9, 20), f"{SEED}/test")
    train, test = penguins[~in_test], penguins[in_test]
    truth = test[[ID, TARGET]].assign(split=split_names(strata[in_test], SEED))
    sample = test[[ID]].assign(sex=(train[TARGET] == "male").mean())

    write(train, directory / "data/train.csv", DECIMALS)
    write(test.drop(columns=TARGET), directory / "data/test.csv", DECIMALS)
    write(sample, directory / "data/sample_submission.csv", DECIMALS)
    write(truth, directory / "private/truth.csv")


if __name__ == "__main__":
    main()
