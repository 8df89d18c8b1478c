"""
C++ for CPUs: [packed] modules on machine words, one thread a frame.
"""
