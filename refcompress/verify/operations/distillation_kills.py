"""The rivals that each case of the distillation operations tells from the reference, with blanks between them."""

LOSS_KILLS = {
    "two classes": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !clamped !first_example_only !log_overflow "
        "!over_everything !overflow !teacher_reversed !teacher_shifted !underflow !clamped_1e_8"
    ),
    "one class": "mse_of_logits over_everything over_the_batch probabilities target_probabilities",
    "a batch of 1": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !clamped !first_example_only !log_overflow "
        "!over_everything !overflow !teacher_reversed !teacher_shifted !underflow !clamped_1e_8"
    ),
    "as many classes as examples": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "more classes than examples": "* !batch_maximum !log_overflow !overflow !underflow",
    "more examples than classes": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "3-d": "* !batch_maximum !log_overflow !overflow !underflow !clamped_1e_8",
    "many classes": "* !batch_maximum !log_overflow !overflow !underflow",
    "longer than a block": "* !batch_maximum !log_overflow !overflow !underflow",
    "student = teacher": (
        "cross_entropy entropy_alone hard_teacher probabilities student_not_softened target_probabilities "
        "teacher_classes_reversed teacher_not_softened teacher_reversed teacher_shifted teacher_softmax_twice"
    ),
    "a constant in each row": (
        "cross_entropy entropy_alone hard_teacher mse_of_logits over_everything over_the_batch probabilities "
        "student_not_softened target_probabilities teacher_classes_reversed teacher_not_softened teacher_reversed "
        "teacher_shifted teacher_softmax_twice"
    ),
    "the same example again": (
        "* !batch_maximum !clamped !clamped_1e_8 !log_overflow !overflow !teacher_reversed !teacher_shifted !underflow"
    ),
    "one example differs": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "one side is uniform": (
        "* !batch_maximum !clamped !log_overflow !overflow !teacher_classes_reversed !teacher_reversed "
        "!teacher_shifted !underflow !clamped_1e_8"
    ),
    "nearly certain": "* !batch_maximum !log_overflow !over_the_batch !overflow !teacher_shifted !underflow",
    "small differences": (
        "* !batch_maximum !clamped !last_example_left_out !log_overflow !overflow !underflow !clamped_1e_8"
    ),
    "exponentials past the largest number": (
        "* !batch_maximum !clamped !clamped_1e_8 !first_example_only !last_example_left_out !underflow"
    ),
    "one example far above the others": "* !clamped !clamped_1e_8 !underflow",
    "probabilities below the smallest number": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !first_example_only !log_overflow !over_everything "
        "!teacher_reversed !teacher_shifted"
    ),
    "impossible classes": "* !batch_maximum !clamped !log_overflow !underflow !clamped_1e_8",
    "fractions of all digits": "* !batch_maximum !log_overflow !overflow !underflow",
    "strided": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "reversed": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "Fortran order": "* !batch_maximum !log_overflow !overflow !underflow !clamped_1e_8",
    "read-only": "* !batch_maximum !clamped !log_overflow !overflow !underflow !clamped_1e_8",
}

GRADIENT_KILLS = {
    "two classes": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !examples_averaged !first_example "
        "!over_everything !overflow !teacher_reversed !teacher_shifted"
    ),
    "one class": "logits over_everything over_the_batch student_ignored teacher_ignored",
    "a batch of 1": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !examples_averaged !first_example "
        "!over_everything !overflow !teacher_reversed !teacher_shifted"
    ),
    "as many classes as examples": "* !batch_maximum !overflow",
    "more classes than examples": "* !batch_maximum !overflow",
    "more examples than classes": "* !batch_maximum !overflow",
    "3-d": "* !batch_maximum !overflow",
    "many classes": "* !batch_maximum !overflow",
    "longer than a block": "* !batch_maximum !overflow",
    "student = teacher": (
        "hard_teacher student_ignored student_not_softened teacher_classes_reversed teacher_ignored "
        "teacher_not_softened teacher_reversed teacher_shifted teacher_softmax_twice"
    ),
    "a constant in each row": (
        "hard_teacher logits over_everything over_the_batch student_ignored student_not_softened "
        "teacher_classes_reversed teacher_ignored teacher_not_softened teacher_reversed teacher_shifted "
        "teacher_softmax_twice"
    ),
    "the same example again": (
        "* !batch_maximum !examples_averaged !first_example !overflow !teacher_reversed !teacher_shifted"
    ),
    "one example differs": "* !batch_maximum !overflow",
    "one side is uniform": "* !batch_maximum !overflow",
    "nearly certain": "* !batch_maximum !over_the_batch !overflow",
    "small differences": "* !batch_maximum !last_example_left_out !overflow",
    "exponentials past the largest number": "* !batch_maximum !last_example_left_out",
    "one example far above the others": "*",
    "probabilities below the smallest number": (
        "* !batch_maximum !batch_divided_again !batch_not_divided !examples_averaged !first_example !over_everything "
        "!teacher_reversed !teacher_shifted"
    ),
    "impossible classes": "* !batch_maximum",
    "fractions of all digits": "* !batch_maximum !overflow",
    "strided": "* !batch_maximum !overflow",
    "reversed": "* !batch_maximum !overflow",
    "Fortran order": "* !batch_maximum !overflow",
    "read-only": "* !batch_maximum !overflow",
}
