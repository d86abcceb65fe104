# %%
from IPython.display import display
from IPython.display import Javascript

display(Javascript("alert(1)"))
deep = []
for _ in range(300):
    deep = [deep]
display({"application/json": deep, "application/x-odd": {"a": 1}, "../x": "text", "text/html": "<b>"}, raw=True)
# %%
import pandas as pd

pd.read_csv(test)[["row_id"]].assign(y=0).to_csv(output, index=False)
