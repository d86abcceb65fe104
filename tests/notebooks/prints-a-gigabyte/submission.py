# %%
import sys
import time

for _ in range(1000):
    sys.stdout.write("x" * 1_000_000)
    sys.stdout.flush()
    time.sleep(0.001)
# %%
import pandas as pd

pd.read_csv(test)[["row_id"]].assign(y=0).to_csv(output, index=False)
