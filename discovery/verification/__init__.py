"""From a crystal to a verdict by first principles: steps, engines, what they share, and the record kept."""
