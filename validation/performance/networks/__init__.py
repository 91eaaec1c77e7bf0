"""Networks that cost is measured with, with random weights.

``tagger``  a jet tagger of 614 features: five inputs, 1×1 convolutions, three LSTMs, six classes
``dense``   layers of tanh
"""
