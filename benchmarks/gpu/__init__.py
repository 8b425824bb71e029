"""Measurements on a GPU. Each script needs only torch, diffusers and transformers, and ends by itself."""
