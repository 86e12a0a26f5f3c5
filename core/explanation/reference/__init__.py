"""The same maps computed by the libraries that everybody knows, so that anyone can see that the fast engine agrees.

A reference is the library's own computation from end to end, on a private copy of the real network, on one thread. It
is asked the same question as the engine: the same picture, class, settings, hidden picture, superpixels, masks or
draws. Libraries hook modules and draw from global generators, so that this runs in a process of its own (`process`).
"""
