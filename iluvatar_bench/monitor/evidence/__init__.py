"""What is read at a failure, before the container is removed."""
