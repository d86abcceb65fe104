"""Rebuild the csv files of the sample competition diamonds from the package plotnine."""

from __future__ import annotations

import pandas as pd
from making import deciles, drawn, shuffled, source_file, split_names, target_directory, with_ids, write

SEED = "diamonds 2026"
ID, TARGET = "diamond_id", "price"
N_ROWS = 18_000
DECIMALS = {"carat": 2, "depth": 1, "table": 1, "x": 2, "y": 2, "z": 2, TARGET: 0}


def main() -> None:
    directory = target_directory("diamonds")
    source = pd.read_csv(source_file("plotnine", "data/diamonds.csv"))
    # A stone listed twice would have its price told in train.csv.
    distinct = source.drop_duplicates(subset=[column for column in source if column != TARGET])
    diamonds = with_ids(shuffled(distinct, f"{SEED}/sample").head(N_ROWS), ID, SEED)

    in_test = drawn(deciles(diamonds[TARGET]), (1, 3), f"{SEED}/test")
    train, test = diamonds[~in_test], diamonds[in_test]
    truth = test[[ID, TARGET]].assign(split=split_names(deciles(test[TARGET]), SEED))
    sample = test[[ID]].assign(price=train[TARGET].mean())

    write(train, directory / "data/train.csv", DECIMALS)
    write(test.drop(columns=TARGET), directory / "data/test.csv", DECIMALS)
    write(sample, directory / "data/sample_submission.csv", DECIMALS)
    write(truth, directory / "private/truth.csv")


if __name__ == "__main__":
    main()
