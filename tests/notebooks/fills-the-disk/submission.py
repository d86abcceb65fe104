# %%
with open("left-behind", "wb") as file:
    for _ in range(100):
        file.write(b"x" * 1_000_000)
