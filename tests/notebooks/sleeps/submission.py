# %%
x = 1
# %%
import time

time.sleep(60)
