import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 32)).astype(np.float32)
embedding = rng.normal(size=(16, 32)).astype(np.float32)
save_file({"weight": weight, "embedding": embedding}, "model.safetensors")

rounded = np.rint(weight * 32) / 32
pruned = np.where(np.abs(embedding) >= np.median(np.abs(embedding)), embedding, np.float32(0))
save_file({"weight": rounded, "embedding": pruned}, "small.safetensors")
