"""Graph encoders behind one interface."""
