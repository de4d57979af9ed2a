"""The encoder for where the compiled one was not built: its loops are numpy's and Arrow's, and do not hold Python's lock."""

import os

# numpy would start threads for matrices, of which there are none here, and a worker's main process forks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
