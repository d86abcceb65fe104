# %%
from IPython.display import HTML, display

for n in range(3000):
    display(HTML(f"<b>{n}</b>"))
# %%
import pandas as pd

pd.read_csv(test)[["row_id"]].assign(y=0).to_csv(output, index=False)
