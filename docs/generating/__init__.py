"""How each page of docs/reference is made; knows the program, writes no file."""
