# %%
import os

os.mkfifo(output)
