# %%
print(output)
