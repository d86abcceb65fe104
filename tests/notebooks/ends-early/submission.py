# %%
import sys

import pandas as pd

pd.read_csv(test)[["row_id"]].assign(y=0).to_csv(output, index=False)
# %%
sys.exit()
# %%
raise ValueError("never run")
