"""Distillation: a teacher's knowledge into a student.

``knowledge`` takes it out of a teacher, ``student`` trains on it, ``losses`` compares both. Nothing is imported here:
who wants a loss does not need the training.
"""
