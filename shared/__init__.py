"""What both services stand on; a module is here only if both import it."""
