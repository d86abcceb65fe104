# %% [parameters]
train = test = output = "here.csv"
# %%
import pandas as pd

known, asked = pd.read_csv(train), pd.read_csv(test)
print(sorted(known), sorted(asked))
# %%
asked[["row_id"]].assign(y=known["y"].mean()).to_csv(output, index=False)
