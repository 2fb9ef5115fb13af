"""The rivals that each case of ``masked_sgd_step`` tells from the reference, with blanks between them."""

MASKED_SGD_STEP: dict[str, str] = {
    "one weight that stays": (
        "* !decayed_gradient_masked !gradient_masked !mask_before !mask_ignored !times_mask !update_masked "
        "!velocity_decays !velocity_times_mask !velocity_unmasked !weights_unmasked"
    ),
    "one weight that is pruned": (
        "decayed_gradient_masked gradient_masked mask_before mask_ignored mask_inverted mask_of_weights "
        "times_mask update_masked velocity_decays velocity_times_mask velocity_unmasked weights_unmasked "
        "decay_after_mask"
    ),
    "velocity from before the pruning": "* !mask_before !mask_of_weights !weights_unmasked !zeros_stay_zero",
    "pruned only now": "* !zeros_stay_zero",
    "kept weights that are 0": (
        "* !decay_doubled !decay_negated !decay_of_sign !decoupled !decoupled_whole !weight_decay=0.0 "
        "!weight_decay=0.01 !weight_decay=0.1 !weight_decay=0.5"
    ),
    "weights, gradients and velocities alone": "* !velocity_times_mask",
    "all signs": "*",
    "masks of all and of nothing": "* !zeros_stay_zero",
    "terms that cancel": "* !zeros_stay_zero",
    "fractions of all digits": "* !zeros_stay_zero",
    "numbers of unlike size": "* !zeros_stay_zero",
    "near the smallest numbers": "* !zeros_stay_zero",
    "lengths around vector widths": "*",
    "0-d, empty and 4-d": "*",
    "strided": "*",
    "reversed": "*",
    "Fortran order": "*",
    "read-only": "*",
}
