"""Fast kernels with hand-written gradients."""
