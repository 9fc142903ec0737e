"""The live page: two schemes side by side, real services, the same requests and faults."""
