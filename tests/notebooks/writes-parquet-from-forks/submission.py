# %%
import os
import subprocess

import pandas as pd
from joblib import Parallel, delayed

# %%
print(Parallel(2)(delayed(abs)(-n) for n in range(3)))
if os.fork() == 0:
    print("from a fork", flush=True)
    os._exit(0)
os.wait()
print(subprocess.check_output(["echo", "from a shell"], text=True))
# %%
asked = pd.read_csv(test)
asked[["row_id"]].assign(y=0.0).to_parquet(output)
