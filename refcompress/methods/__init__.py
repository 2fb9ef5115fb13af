"""Methods of compression side by side, at equal bytes: what helps, and what does not."""
