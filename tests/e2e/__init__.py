"""The product as a person uses it: real processes, real repositories, nothing replaced."""
