# %%
with open(output, "wb") as file:
    file.write(b"x" * 2_000_000)
