"""
What all tests share.
"""

import torch

# workers of pytest-xdist would fight for the cores
torch.set_num_threads(1)
