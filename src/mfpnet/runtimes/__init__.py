"""What runs a network: PyTorch, or an exported file in its own runtime."""
