"""
HLS C++: a header library, a flat `top.cpp` printed from the [stream] module, and the rules that both obey.
"""
