"""The step-batched diffusion engine: requests of any steps, guidance, seed and sampler share each denoising step."""
