# %%
x = 1


# %%
def search(words):
    return words["lost"]


search({})
