"""The rivals that each case of the distillation operations tells from the reference, with blanks between them."""

LOSS_KILLS = {
    "two classes": (
        "* !batch_divided_again !batch_not_divided !clamped !first_example_only !log_overflow "
        "!over_everything !overflow !teacher_reversed !teacher_shifted !underflow !clamped_1e_8"
    ),
    "one class": "mse_of_logits over_everything over_the_batch probabilities target_probabilities",
    "a batch of 1": (
        "* !batch_divided_again !batch_not_divided !clamped !first_example_only !log_overflow "
        "!over_everything !overflow !teacher_reversed !teacher_shifted !underflow !clamped_1e_8"
    ),
    "as many classes as examples": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "more classes than examples": "* !log_overflow !overflow !underflow",
    "more examples than classes": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "3-d": "* !log_overflow !overflow !underflow !clamped_1e_8",
    "many classes": "* !log_overflow !overflow !underflow",
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
        "* !clamped !clamped_1e_8 !log_overflow !overflow !teacher_reversed !teacher_shifted !underflow"
    ),
    "one example differs": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "one side is uniform": (
        "* !clamped !log_overflow !overflow !teacher_classes_reversed !teacher_reversed !teacher_shifted "
        "!underflow !clamped_1e_8"
    ),
    "nearly certain": "* !log_overflow !over_the_batch !overflow !teacher_shifted !underflow",
    "small differences": "* !clamped !last_example_left_out !log_overflow !overflow !underflow !clamped_1e_8",
    "exponentials past the largest number": (
        "* !clamped !clamped_1e_8 !first_example_only !last_example_left_out !underflow"
    ),
    "probabilities below the smallest number": (
        "* !batch_divided_again !batch_not_divided !first_example_only !log_overflow !over_everything "
        "!teacher_reversed !teacher_shifted"
    ),
    "impossible classes": "* !clamped !log_overflow !underflow !clamped_1e_8",
    "fractions of all digits": "* !log_overflow !overflow !underflow",
    "strided": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "reversed": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
    "Fortran order": "* !log_overflow !overflow !underflow !clamped_1e_8",
    "read-only": "* !clamped !log_overflow !overflow !underflow !clamped_1e_8",
}

GRADIENT_KILLS = {
    "two classes": (
        "* !batch_divided_again !batch_not_divided !examples_averaged !first_example !over_everything !overflow "
        "!teacher_reversed !teacher_shifted"
    ),
    "one class": "logits over_everything over_the_batch student_ignored teacher_ignored",
    "a batch of 1": (
        "* !batch_divided_again !batch_not_divided !examples_averaged !first_example !over_everything !overflow "
        "!teacher_reversed !teacher_shifted"
    ),
    "as many classes as examples": "* !overflow",
    "more classes than examples": "* !overflow",
    "more examples than classes": "* !overflow",
    "3-d": "* !overflow",
    "many classes": "* !overflow",
    "student = teacher": (
        "hard_teacher student_ignored student_not_softened teacher_classes_reversed teacher_ignored "
        "teacher_not_softened teacher_reversed teacher_shifted teacher_softmax_twice"
    ),
    "a constant in each row": (
        "hard_teacher logits over_everything over_the_batch student_ignored student_not_softened "
        "teacher_classes_reversed teacher_ignored teacher_not_softened teacher_reversed teacher_shifted "
        "teacher_softmax_twice"
    ),
    "the same example again": "* !examples_averaged !first_example !overflow !teacher_reversed !teacher_shifted",
    "one example differs": "* !overflow",
    "one side is uniform": "* !overflow",
    "nearly certain": "* !over_the_batch !overflow",
    "small differences": "* !last_example_left_out !overflow",
    "exponentials past the largest number": "* !last_example_left_out",
    "probabilities below the smallest number": (
        "* !batch_divided_again !batch_not_divided !examples_averaged !first_example !over_everything "
        "!teacher_reversed !teacher_shifted"
    ),
    "impossible classes": "*",
    "fractions of all digits": "* !overflow",
    "strided": "* !overflow",
    "reversed": "* !overflow",
    "Fortran order": "* !overflow",
    "read-only": "* !overflow",
}
