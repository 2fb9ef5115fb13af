import subprocess
import sys
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from terminals import Terminal

from refcompress.mlp.losses import mse_gradient, mse_loss, softmax_cross_entropy, softmax_cross_entropy_gradient
from refcompress.mlp.network import MLP, initialize, mlp_forward, mlp_gradients
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import accuracy, classification, mixture, regression, train

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(50, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
GOALS = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])
MODEL = initialize((3, 6, 2), seed=3)
OPTIMIZERS = [SGD(0.05), SGD(0.05, momentum=0.9, weight_decay=0.01), Adam(0.01), Adam(0.01, weight_decay=0.01)]


def parameters(model):
    return [*model.weights, *model.biases]


def same_bytes(first, second):
    return [a.tobytes() for a in parameters(first)] == [a.tobytes() for a in parameters(second)]


class Recorder:
    """The objective of GOALS, and the rows that it was asked about."""

    def __init__(self):
        self.calls = []
        self.inner = regression(GOALS)

    def __call__(self, output, rows):
        self.calls.append(rows.tolist())
        return self.inner(output, rows)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_the_same_seed_gives_the_same_bytes(optimizer, batch_size):
    runs = [
        train(MODEL, X, classification(Y), optimizer=optimizer, epochs=3, batch_size=batch_size, seed=7, validation=0.2)
        for _ in range(2)
    ]
    assert same_bytes(runs[0].model, runs[1].model)
    assert runs[0].history == runs[1].history


def test_what_is_not_said_is_seed_0_32_rows_a_batch_and_nothing_held_out():
    result = train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=2)
    said = train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=2, seed=0, batch_size=32, validation=0.0)
    assert same_bytes(result.model, said.model)
    assert result.history.validation == ()


def test_without_a_validation_the_shuffles_alone_draw_from_the_seed():
    recorder, generator = Recorder(), np.random.default_rng(7)
    train(MODEL, X, recorder, optimizer=SGD(0.1), epochs=2, batch_size=50, seed=7)
    assert recorder.calls == [generator.permutation(50).tolist() for _ in range(2)]


def test_the_seed_draws_the_rows_that_are_held_out():
    held = []
    for seed in (1, 2):
        recorder = Recorder()
        train(MODEL, X, recorder, optimizer=SGD(0.1), epochs=1, batch_size=50, seed=seed, validation=0.2)
        held.append(recorder.calls[-1])
    assert held[0] != held[1]


def test_another_seed_gives_another_shuffle():
    first, second = (train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=1, seed=s).model for s in (1, 2))
    assert not same_bytes(first, second)


def test_a_network_learns_what_no_linear_model_can():
    result = train(initialize((3, 16, 2)), X, classification(Y), optimizer=Adam(0.02), epochs=200)
    assert accuracy(result.model, X, Y) == 1.0
    assert result.history.training[-1] < result.history.training[0] / 10


@pytest.mark.parametrize("reduction_rows", [1, 4])
def test_a_step_on_one_batch_is_the_optimizer_s_step_on_the_gradients(reduction_rows):
    # eighths of small integers and a step of 1/4: float64 rounds nothing, so that no order of the sums shows
    x, target = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25], [-1.0, 1.0]]), np.array([[1.0], [2.0], [0.5], [-1.0]])
    x, target = x[:reduction_rows], target[:reduction_rows]
    model = MLP([np.array([[0.5, -1.0], [1.5, 0.25]]), np.array([[2.0], [-0.5]])], [np.array([1.0, 0.5]), np.ones(1)])
    result = train(model, x, regression(target), optimizer=SGD(0.25), epochs=1, batch_size=4).model
    gradients = mlp_gradients(model.weights, model.biases, x, target)
    for after, before, gradient in zip(
        parameters(result), parameters(model), [*gradients[0], *gradients[1]], strict=True
    ):
        assert np.array_equal(after, before - 0.25 * gradient)


def test_momentum_goes_on_from_batch_to_batch_and_epoch_to_epoch():
    # one weight, one row: the recursion by hand on fractions; all numbers are dyadic, and short enough for float64
    w = train(MLP([[[1.0]]], [[0.0]]), [[2.0]], regression([[0.0]]), optimizer=SGD(0.125, momentum=0.5), epochs=4).model
    weight, bias, velocity = Fraction(1), Fraction(0), [Fraction(0), Fraction(0)]
    for _ in range(4):
        slope = 2 * (2 * weight + bias)
        velocity = [velocity[0] / 2 + 2 * slope, velocity[1] / 2 + slope]
        weight, bias = weight - velocity[0] / 8, bias - velocity[1] / 8
    assert (w.weights[0].item(), w.biases[0].item()) == (weight, bias)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 64])
def test_every_epoch_meets_every_training_row_once_and_no_held_row(batch_size):
    recorder = Recorder()
    train(MODEL, X, recorder, optimizer=SGD(0.01), epochs=3, batch_size=batch_size, validation=0.2)
    batches = -(-40 // batch_size)
    epochs = [recorder.calls[i : i + batches + 1] for i in range(0, len(recorder.calls), batches + 1)]
    held = epochs[0][-1]
    assert len(epochs) == 3
    assert len(held) == 10
    orders = []
    for *training, validation in epochs:
        assert validation == held
        assert [len(rows) for rows in training[:-1]] == [batch_size] * (batches - 1)
        orders.append([row for rows in training for row in rows])
        assert sorted(orders[-1] + held) == list(range(50))
    assert orders[0] != orders[1] != orders[2]


def test_the_outputs_are_those_of_the_rows_that_are_named():
    def objective(output, rows):
        assert np.array_equal(output, mlp_forward(MODEL.weights, MODEL.biases, X[rows]))
        return 0.0, np.zeros_like(output)

    train(MODEL, X, objective, optimizer=SGD(0.1), epochs=2, batch_size=50, validation=0.1)


def test_the_history_is_the_mean_over_the_rows_of_each_epoch():
    losses = []

    def objective(output, rows):
        losses.append((float(rows.sum()), len(rows)))
        return losses[-1][0], np.zeros_like(output)

    history = train(MODEL, X, objective, optimizer=SGD(0.1), epochs=2, batch_size=20).history
    assert history.training == tuple(
        sum(loss * n for loss, n in losses[i : i + 3]) / 50 for i in (0, 3)
    )  # whole numbers: the sum rounds nothing
    assert history.validation == ()


@pytest.mark.parametrize("optimizer", [SGD(0.05, momentum=0.9, weight_decay=0.01), Adam(0.05, weight_decay=0.01)])
@pytest.mark.parametrize("epochs", [0, 1, 5])
@pytest.mark.parametrize("kind", [bool, np.int8])
def test_pruned_weights_are_positive_zero_and_the_others_are_trained(optimizer, epochs, kind):
    masks = [
        (np.arange(w.size).reshape(w.shape) % 5 > 0).astype(kind) for w in MODEL.weights
    ]  # no unit loses all inputs
    result = train(MODEL, X, regression(GOALS), optimizer=optimizer, epochs=epochs, masks=masks, batch_size=16).model
    for w, before, mask in zip(result.weights, MODEL.weights, masks, strict=True):
        pruned = w[mask == 0]
        assert not pruned.any()
        assert not np.signbit(pruned).any()
        assert ((w != before) == (epochs > 0))[mask == 1].all()
    assert epochs == 0 or all(b.all() for b in result.biases)


def test_pruned_weights_are_zero_in_every_forward_pass():
    # the output is the one weight times 1: what every batch sees of it
    seen = []

    def objective(output, rows):
        seen.append(output.tolist())
        return 1.0, np.ones_like(output)

    model = MLP([np.array([[5.0, 7.0]])], [np.zeros(2)])
    masks = [[[True, False]]]
    train(model, np.ones((3, 1)), objective, optimizer=SGD(0.25, 0.5), epochs=2, batch_size=1, masks=masks)
    bias = [outputs[0][1] for outputs in seen]
    v, expected = 0.0, [0.0]
    for _ in range(5):
        v = 0.5 * v + 1.0
        expected.append(expected[-1] - 0.25 * v)
    assert bias == expected  # of the second output, the bias alone
    assert seen[0][0][0] == 5.0


def test_an_early_stop_waits_and_gives_back_the_best():
    recorder, model = Recorder(), initialize((3, 20, 2), seed=1)
    result = train(
        model, X, recorder, optimizer=Adam(0.05), epochs=500, batch_size=8, validation=0.3, patience=5, seed=2
    )
    losses, held = result.history.validation, recorder.calls[-1]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 5 < 500
    assert len(result.history.training) == len(losses)
    # the batch loss of the same outputs, computed in the same way
    output = mlp_forward(result.model.weights, result.model.biases, X[held])
    assert mse_loss(output, GOALS[held]) == min(losses)
    last = train(model, X, recorder, optimizer=Adam(0.05), epochs=len(losses), batch_size=8, validation=0.3, seed=2)
    assert last.history == result.history
    assert not same_bytes(last.model, result.model)
    shorter = train(model, X, recorder, optimizer=Adam(0.05), epochs=best + 1, batch_size=8, validation=0.3, seed=2)
    assert same_bytes(shorter.model, result.model)


def test_patience_counts_from_the_best_epoch():
    losses = iter([5.0, 4.0, 6.0, 4.0, 3.0, 3.0, 7.0, 3.5, 1.0])

    def objective(output, rows):
        return (next(losses) if len(rows) == 5 else 1.0), np.zeros_like(output)

    history = train(
        MODEL, X, objective, optimizer=SGD(0.1), epochs=9, batch_size=45, validation=0.1, patience=3
    ).history
    assert history.validation == (5.0, 4.0, 6.0, 4.0, 3.0, 3.0, 7.0, 3.5)


@pytest.mark.parametrize("patience", [None, 2])
def test_no_epochs_give_the_model_back(patience):
    result = train(MODEL, X, regression(GOALS), optimizer=SGD(0.1), epochs=0, validation=0.2, patience=patience)
    assert same_bytes(result.model, MODEL)
    assert result.history.training == ()


@pytest.mark.parametrize(
    ("dtype", "x"), [(np.float64, X.astype(np.float32)), (np.float32, X), (np.float16, X), (ml_dtypes.bfloat16, X)]
)
def test_the_model_s_dtype_stays(dtype, x):
    model = initialize((3, 6, 2), dtype=dtype)
    result = train(model, x, mixture(classification(Y), regression(GOALS), 0.5), optimizer=Adam(0.01), epochs=3)
    assert {a.dtype for a in parameters(result.model)} == {np.dtype(dtype)}
    assert result.history.training[-1] < result.history.training[0]


def test_a_narrow_model_is_trained_in_float32():
    wide, narrow = initialize((3, 6, 2), dtype=np.float32), initialize((3, 6, 2), dtype=np.float16)
    start = MLP([w.astype(np.float32) for w in narrow.weights], [b.astype(np.float32) for b in narrow.biases])
    expected = train(start, X, classification(Y), optimizer=Adam(0.01), epochs=3).model
    result = train(narrow, X, classification(Y), optimizer=Adam(0.01), epochs=3).model
    assert wide.weights[0].dtype == expected.weights[0].dtype
    assert [a.astype(np.float16).tobytes() for a in parameters(expected)] == [a.tobytes() for a in parameters(result)]


@pytest.mark.parametrize("wide", ["weights", "biases"])
def test_the_widest_array_says_what_a_model_is_trained_in_and_rounded_to(wide):
    weights = [w.astype(np.float64 if wide == "weights" else np.float32) for w in MODEL.weights]
    biases = [b.astype(np.float64 if wide == "biases" else np.float32) for b in MODEL.biases]
    seen = set()

    def objective(output, rows):
        seen.add(output.dtype)
        return 1.0, np.zeros_like(output)

    result = train(MLP(weights, biases), X, objective, optimizer=SGD(0.1), epochs=1).model
    assert seen == {a.dtype for a in parameters(result)} == {np.dtype(np.float64)}


def test_the_gradients_of_a_narrow_model_are_added_up_in_float32():
    # 1 + 2^-24 is a tie in float32: the sum over the rows is 1, and with the decay of the bias, 2^-24, 1 again
    tiny = np.float32(2.0**-24)

    def objective(output, rows):
        return 1.0, np.array([[1], [tiny]], np.float32)

    model = MLP([np.zeros((1, 1), np.float32)], [np.array([tiny])])
    optimizer = SGD(1.0, weight_decay=1.0)
    result = train(model, np.zeros((2, 1)), objective, optimizer=optimizer, epochs=1).model
    assert result.biases[0].item() == 2.0**-24 - 1


def test_a_wide_gradient_of_the_output_is_rounded_to_what_the_model_is_trained_in():
    # 1 + 0.75 * 2^-24 is 1 in float32; times 1.5 it would be above 1.5
    def objective(output, rows):
        return 1.0, np.full(output.shape, 1 + 0.75 * 2.0**-24)

    model = MLP([np.zeros((1, 1), np.float32)], [np.zeros(1, np.float32)])
    result = train(model, [[1.5]], objective, optimizer=SGD(1.0), epochs=1).model
    assert result.weights[0].item() == -1.5


def test_the_activation_stays():
    model = initialize((3, 6, 2), activation="tanh")
    assert train(model, X, classification(Y), optimizer=SGD(0.1), epochs=1).model.activation == "tanh"


def test_whole_numbers_and_read_only_big_endian_views_are_trained_on():
    x = np.arange(20).reshape(10, 2) % 7
    labels = np.arange(10) % 2
    results = []
    for rows in (x, x.astype(">f4"), np.asfortranarray(x.astype(float)), np.repeat(x, 2, axis=0)[::2].tolist()):
        if isinstance(rows, np.ndarray):
            rows.flags.writeable = False
        model = initialize((2, 4, 2))
        results.append(train(model, rows, classification(labels.tolist()), optimizer=SGD(0.1), epochs=2).model)
    assert all(same_bytes(results[0], other) for other in results[1:])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nothing_that_is_passed_in_is_changed(optimizer):
    x, labels, goals = X.copy(), Y.copy(), GOALS.copy()
    masks = [np.ones(w.shape, bool) for w in MODEL.weights]
    before = [a.tobytes() for a in (x, labels, goals, *masks, *parameters(MODEL))]
    objective = mixture(classification(labels), regression(goals), 0.25)
    train(MODEL, x, objective, optimizer=optimizer, epochs=2, masks=masks, validation=0.1)
    assert [a.tobytes() for a in (x, labels, goals, *masks, *parameters(MODEL))] == before


def test_what_happens_to_the_targets_later_does_not_matter():
    labels, goals = Y.copy(), GOALS.copy()
    objectives = [classification(labels), regression(goals)]
    labels[:], goals[:] = 1 - labels, 0
    output, rows = np.ones((2, 2)), np.array([3, 4])
    for objective, fresh in zip(objectives, (classification(Y), regression(GOALS)), strict=True):
        assert objective(output, rows)[1].tolist() == fresh(output, rows)[1].tolist()


@pytest.mark.parametrize("rows", [[0], [7, 3, 3], list(range(50))])
def test_the_objectives_are_the_losses_of_their_rows(rows):
    output, rows = GENERATOR.normal(size=(len(rows), 2)), np.array(rows)
    loss, gradient = classification(Y)(output, rows)
    assert loss == softmax_cross_entropy(output, Y[rows])
    assert np.array_equal(gradient, softmax_cross_entropy_gradient(output, Y[rows]))
    loss, gradient = regression(GOALS)(output, rows)
    assert loss == mse_loss(output, GOALS[rows])
    assert np.array_equal(gradient, mse_gradient(output, GOALS[rows]))


def test_one_output_is_one_class():
    loss, gradient = classification([0, 0])(np.array([[5.0]]), np.array([1]))
    assert (loss, gradient.tolist()) == (0.0, [[0.0]])


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_label_needs_an_output_whether_or_not_its_row_is_in_the_batch(outputs):
    with pytest.raises(ValueError, match=rf"^labels\[1\] is 2: the network has {outputs} outputs, one a class"):
        classification([0, 2])(np.zeros((1, outputs)), np.array([0]))


def test_a_label_past_int64_is_one_without_an_output():
    with pytest.raises(ValueError, match=r"^labels\[1\] is 9223372036854775809: the network has 2 outputs"):
        classification(np.array([0, 2**63 + 1], np.uint64))(np.zeros((1, 2)), np.array([1]))


@pytest.mark.parametrize("objective", [classification(Y), regression(GOALS)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_has_the_dtype_of_the_output(objective, dtype):
    _, gradient = objective(np.ones((3, 2), dtype), np.array([4, 5, 6]))
    assert gradient.dtype == dtype


@pytest.mark.parametrize("weight", [0, 0.25, 1])
def test_a_mixture_weighs_the_first_and_the_rest_the_second(weight):
    first, second = classification(Y), regression(GOALS)
    output, rows = GENERATOR.normal(size=(4, 2)), np.array([1, 5, 9, 2])
    (a, da), (b, db) = first(output, rows), second(output, rows)
    loss, gradient = mixture(first, second, weight)(output, rows)
    assert loss == weight * a + (1 - weight) * b
    assert np.array_equal(gradient, weight * da + (1 - weight) * db)


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "message"),
    [
        (
            SGD(1e6),
            8,
            r"the loss is (nan|inf) at epoch \d+, batch \d+: training has diverged; a lower lr than 1000000.0",
        ),
        (SGD(1e300), 50, "a parameter is not finite after epoch 1: training has diverged"),
        (Adam(1e200), 50, "an output is not finite at epoch 2, batch 1: training has diverged"),
    ],
)
def test_a_loss_that_stops_being_finite_is_an_error_and_no_warning(optimizer, batch_size, message):
    with pytest.raises(ValueError, match=message):
        train(MODEL, 1e9 * X, regression(GOALS), optimizer=optimizer, epochs=50, batch_size=batch_size)


def test_an_objective_is_asked_about_no_output_that_is_not_finite():
    def objective(output, rows):
        assert np.isfinite(output).all()
        return 1.0, 1e200 * np.ones_like(output)

    with pytest.raises(ValueError, match="an output is not finite at epoch 1, batch 2: training has diverged"):
        train(MODEL, X, objective, optimizer=SGD(1e100), epochs=2, batch_size=25)
    with pytest.raises(ValueError, match="an output is not finite on the rows held out, after epoch 1: training has"):
        train(MODEL, X, objective, optimizer=SGD(1e100), epochs=2, batch_size=40, validation=0.2)


def test_a_validation_loss_that_is_not_finite_is_an_error():
    def objective(output, rows):
        return (np.nan if len(rows) == 10 else 1.0), np.zeros_like(output)

    with pytest.raises(ValueError, match="the loss is nan on the rows held out, after epoch 1: training has diverged"):
        train(MODEL, X, objective, optimizer=SGD(0.1), epochs=2, validation=0.2)


def test_inputs_past_float32_are_noticed():
    model = initialize((3, 6, 2), dtype=np.float32)
    with pytest.raises(ValueError, match=r"an output is not finite at epoch 1, batch 1"):
        train(model, np.full((4, 3), 1e300), classification([0, 1, 0, 1]), optimizer=SGD(0.1), epochs=1)


def test_progress_is_shown_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=3, progress=True)
    assert "3/3" in sys.stderr.getvalue()
    assert "loss" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""


def test_the_progress_counts_epochs_and_shows_a_loss_only_of_those_that_are_over(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=3, progress=True)
    first, *later = [shown for shown in sys.stderr.getvalue().split("\r") if shown.strip()]
    assert first.startswith("training: ")
    assert "?epoch/s" in first
    assert "loss" not in first
    assert later
    assert all("loss" in shown and "0/3" not in shown for shown in later)


def test_a_terminal_is_left_alone_unless_progress_is_wanted(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=3)
    assert sys.stderr.getvalue() == ""


def test_progress_says_nothing_to_a_pipe_and_changes_no_result(capsys):
    shown = train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=3, progress=True)
    silent = train(MODEL, X, classification(Y), optimizer=SGD(0.1), epochs=3)
    assert capsys.readouterr() == ("", "")
    assert same_bytes(shown.model, silent.model)


def test_the_progress_display_is_not_imported_unless_it_is_wanted():
    program = (
        "import sys, numpy as np\n"
        "from refcompress.mlp.network import initialize\n"
        "from refcompress.mlp.optimizers import SGD\n"
        "from refcompress.mlp.training import regression, train\n"
        "train(initialize((1, 1)), [[1.0]], regression([[1.0]]), optimizer=SGD(0.1), epochs=1)\n"
        "sys.exit('tqdm' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_accuracy_is_the_share_of_rows_whose_largest_output_is_the_label():
    model = MLP([np.eye(3)], [np.zeros(3)])
    assert accuracy(model, np.eye(3), [0, 1, 0]) == 2 / 3
    assert accuracy(model, np.zeros((2, 3)), [0, 1]) == 0.5  # of equal outputs the first counts


def test_accuracy_is_that_of_the_model_s_activation():
    negative = [[-2.0, -1.0]]  # which relu would make equal
    assert accuracy(MLP([np.eye(2)] * 2, [np.zeros(2)] * 2, "identity"), negative, [1]) == 1.0
    assert accuracy(MLP([np.eye(2)] * 2, [np.zeros(2)] * 2, "relu"), negative, [1]) == 0.0


DEFAULTS = {"model": MODEL, "x": X, "objective": classification(Y), "optimizer": SGD(0.1), "epochs": 1}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": 3}, TypeError, "^model is 3: it must be MLP"),
        ({"x": X[:, :2]}, ValueError, r"x has shape \(50, 2\): it must be \(n, 3\), one example a row"),
        ({"x": X[0]}, ValueError, r"x has shape \(3,\): it must be \(n, 3\), one example a row"),
        ({"x": X[:40]}, ValueError, "x has 40 rows, the objective has 50 rows: they must be equal"),
        (
            {"x": np.where(X[2, 1] == X, np.nan, X)},
            ValueError,
            r"x\[2, 1\] is nan: only finite values can be trained on",
        ),
        ({"x": X.astype(str)}, TypeError, "x has dtype <U"),
        ({"x": X[:0], "objective": classification([])}, ValueError, "of 0 rows of x none is left to train on"),
        (
            {"objective": classification(Y * 5)},
            ValueError,
            r"labels\[\d+\] is 5: the network has 2 outputs, one a class",
        ),
        ({"objective": regression(X)}, ValueError, r"targets has shape \(50, 3\): the network has 2 outputs"),
        (
            {"objective": lambda o, r: (1.0, o[:1])},
            ValueError,
            r"objective gave a gradient of shape \(1, 2\): the outp",
        ),
        ({"objective": 3}, TypeError, "objective is 3: it must be a function of the output and the rows"),
        ({"optimizer": "sgd"}, TypeError, "optimizer is 'sgd': it must be SGD or Adam"),
        ({"epochs": -1}, ValueError, "epochs is -1: it must be at least 0"),
        ({"epochs": 1.0}, TypeError, "epochs is 1.0"),
        ({"batch_size": 0}, ValueError, "batch_size is 0: it must be at least 1"),
        ({"seed": None}, TypeError, "seed is None"),
        ({"seed": -1}, ValueError, "seed is -1: it must be at least 0"),
        ({"validation": 1.0}, ValueError, "validation is 1.0: of 50 rows of x none is left to train on"),
        ({"validation": -0.1}, ValueError, "validation is -0.1: it must be from 0 to 1"),
        (
            {"validation": 0.001, "patience": 2},
            ValueError,
            "patience is 2: validation = 0.001 holds out none of 50 rows",
        ),
        ({"patience": 2}, ValueError, "patience is 2: validation = 0.0 holds out none of 50 rows"),
        ({"patience": 0, "validation": 0.2}, ValueError, "patience is 0: it must be at least 1"),
        ({"masks": [np.ones((3, 6))]}, ValueError, "there are 1 masks and 2 weights: they must be as many"),
        (
            {"masks": [np.ones((3, 6), bool), np.ones((2, 6), bool)]},
            ValueError,
            r"masks\[1\] has shape \(2, 6\), weights\[1\] has shape \(6, 2\): they must be equal",
        ),
        (
            {"masks": [np.full((3, 6), 2), np.ones((6, 2), int)]},
            ValueError,
            r"masks\[0\]\[0, 0\] is 2: a mask holds True and False, or 1 and 0",
        ),
        (
            {"masks": [np.array([[0, 1] * 3, [1, 0, 1, 2, 0, 1], [2] * 6]), np.ones((6, 2), int)]},
            ValueError,
            r"masks\[0\]\[1, 3\] is 2: a mask holds True and False, or 1 and 0",
        ),
        (
            {"masks": [np.ones((3, 6), bool), 1 - 2 * np.eye(6, 2, -1, int)]},
            ValueError,
            r"masks\[1\]\[1, 0\] is -1: a mask holds True and False, or 1 and 0",
        ),
        ({"masks": 3}, TypeError, "^masks is 3: it must be a list of arrays"),
        ({"masks": [np.ones((3, 6), bool), [[1], [1, 0]]]}, TypeError, r"^masks\[1\] is a list that is no array"),
        ({"masks": [np.ones((3, 6)), np.ones((6, 2))]}, TypeError, r"masks\[0\] has dtype float64: it must hold"),
        ({"progress": 1}, TypeError, "progress is 1: it must be True or False"),
        (
            {"model": MLP([np.full((3, 2), Fraction(1), object)], [np.zeros(2)])},
            TypeError,
            "model holds fractions: training computes in floats",
        ),
        (
            {"model": MLP([np.ones((3, 2))], [np.full(2, Fraction(1), object)])},
            TypeError,
            "model holds fractions: training computes in floats",
        ),
    ],
)
def test_a_bad_argument_of_train_is_named(changes, error, message):
    arguments = {**DEFAULTS, **changes}
    with pytest.raises(error, match=message):
        train(arguments.pop("model"), arguments.pop("x"), arguments.pop("objective"), **arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: classification([0, -1]), ValueError, r"labels\[1\] is -1: class numbers begin with 0"),
        (lambda: classification([[0]]), ValueError, r"labels has shape \(1, 1\): it must be \(n,\)"),
        (lambda: classification([0.0]), TypeError, "labels has dtype float64: it must hold integers"),
        (
            lambda: regression([1.0]),
            ValueError,
            r"targets has shape \(1,\): it must be \(n, outputs\), one example a row",
        ),
        (lambda: regression([["a"]]), TypeError, "^targets has dtype <U1: it must hold integers or floats"),
        (lambda: regression([[np.inf]]), ValueError, r"targets\[0, 0\] is inf: only finite values can be compared"),
        (
            lambda: mixture(classification(Y), regression(X[:9]), 0.5),
            ValueError,
            "first has 50 rows, second has 9 rows",
        ),
        (lambda: mixture(classification(Y), regression(X), 1.5), ValueError, "weight is 1.5: it must be from 0 to 1"),
        (
            lambda: accuracy(MODEL, X, Y[:9]),
            ValueError,
            r"labels has shape \(9,\), x has 50 rows: labels must be \(n,\)",
        ),
        (lambda: accuracy(MODEL, X[:0], []), ValueError, r"labels has shape \(0,\), x has 0 rows"),
        (lambda: accuracy(MODEL, X, Y * 1.0), TypeError, "labels has dtype float64: it must hold integers"),
        (lambda: accuracy(3, X, Y), TypeError, "^model is 3: it must be MLP"),
    ],
)
def test_a_bad_objective_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_mixture_of_free_functions_is_free_of_rows():
    free = Recorder()
    result = train(MODEL, X, mixture(free, free, 0.5), optimizer=SGD(0.01), epochs=1)
    assert same_bytes(result.model, train(MODEL, X, free.inner, optimizer=SGD(0.01), epochs=1).model)


@pytest.mark.parametrize("others", [regression(GOALS), Recorder()])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_mixture_knows_the_rows_of_its_parts(others, reverse):
    parts = [classification(Y), others][:: -1 if reverse else 1]
    with pytest.raises(ValueError, match="x has 40 rows, the objective has 50 rows: they must be equal"):
        train(MODEL, X[:40], mixture(*parts, 0.5), optimizer=SGD(0.1), epochs=1)
