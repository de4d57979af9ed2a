"""The encoder for where the compiled one was not built: its loops are numpy's and Arrow's, and do not hold Python's lock."""
