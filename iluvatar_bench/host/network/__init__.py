"""Container networks: CNI plugins, the bridge, addresses, the pool, and what they leave."""
