"""The only SQL of this service: a module per table, a function per statement."""
