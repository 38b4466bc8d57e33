"""The notebook layer: magics, completion, tables and the name `ql`. No rules live here.

Everything here turns what a person writes into a command for the desk, and what the engine
says into text and tables. Nothing here decides, sends, or keeps a secret.
"""
