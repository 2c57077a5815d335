"""The gRPC client of containerd."""
