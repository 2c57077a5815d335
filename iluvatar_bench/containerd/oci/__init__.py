"""Images and runtime specifications in the formats of the OCI and of Docker."""
