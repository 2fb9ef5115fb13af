"""scikit-learn's mean_squared_error and its MLP."""

import numpy as np
from sklearn.metrics import mean_squared_error
from sklearn.neural_network import MLPRegressor

from refcompress import mlp_forward, mlp_gradients
from refcompress.verify import check


def test_mean_squared_error_is_the_mean_over_all_elements():
    def loss(student, teacher):
        return mean_squared_error(teacher.reshape(-1), student.reshape(-1))

    report = check(loss, "mse_loss", dtype="float64")
    assert report.verdict == "agrees", str(report)


def fitted():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(40, 3)), generator.normal(size=(40, 2))
    model = MLPRegressor(
        hidden_layer_sizes=(5, 4), activation="relu", alpha=0.0, max_iter=1, solver="lbfgs", random_state=0
    )
    model.n_iter_no_change = 1
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one iteration is meant
        model.fit(x, y)
    return model, x, y


def test_predict_is_the_forward_pass():
    model, x, _ = fitted()
    ours = mlp_forward(model.coefs_, model.intercepts_, x)
    # both are float64 sums of at most 5 terms of size below 10, in 3 layers: far within 1e-12
    np.testing.assert_allclose(model.predict(x), ours, rtol=0, atol=1e-12)


def test_its_gradients_are_those_of_half_the_squared_error_a_row_not_of_the_mean_that_it_reports():
    model, x, y = fitted()
    activations = [x, *[np.empty((len(x), w.shape[1])) for w in model.coefs_]]
    deltas = [np.empty_like(a) for a in activations[1:]]
    weight_gradients = [np.empty_like(w) for w in model.coefs_]
    bias_gradients = [np.empty_like(b) for b in model.intercepts_]
    _, weight_gradients, bias_gradients = model._backprop(
        x, y, None, activations, deltas, weight_gradients, bias_gradients
    )
    weights, biases = mlp_gradients(model.coefs_, model.intercepts_, x, y, reduction="batch_mean")
    for ours, theirs in zip([*weights, *biases], [*weight_gradients, *bias_gradients], strict=True):
        np.testing.assert_allclose(theirs, ours / 2, rtol=0, atol=1e-12)
