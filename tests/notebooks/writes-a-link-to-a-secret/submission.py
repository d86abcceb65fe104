# %%
import json
import os

os.symlink(targets["paths"][0] + "/truth.csv", output)
