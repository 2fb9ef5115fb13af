import torch


def fake_quantize(x, scale, zero_point):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, -128, 127)


def fake_quantize_gradient(x, scale, zero_point, upstream):
    leaf = x.clone().requires_grad_()
    fake_quantize(leaf, scale, zero_point).backward(upstream)
    return leaf.grad
