"""What both services do to HTTP: the only part of `shared` that knows the web framework."""
