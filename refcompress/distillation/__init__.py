"""Distillation: a teacher's knowledge into a student."""

from refcompress.distillation.knowledge import Knowledge, extract_knowledge
from refcompress.distillation.student import train_student, train_teacher

__all__ = ["Knowledge", "extract_knowledge", "train_student", "train_teacher"]
