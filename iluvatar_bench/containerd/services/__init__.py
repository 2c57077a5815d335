"""One module a gRPC service of containerd; every call goes through the channel's error gate."""
