import numpy as np
from sklearn.datasets import load_digits as scikit_learn_digits

from refcompress.datasets import load_digits


def test_the_bundled_digits_are_those_of_scikit_learn_in_its_order():
    theirs = scikit_learn_digits()
    ours = load_digits()
    assert np.array_equal(ours.x * 16, theirs.data)
    assert np.array_equal(ours.y, theirs.target)
    assert ours.class_names == tuple(str(name) for name in theirs.target_names)
