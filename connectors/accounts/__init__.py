"""Channel accounts: one file that says which there are, what their words are in ours, and where their secrets lie."""
