"""The disk's side of the state that travels: what of `.sixth` it is, what was saved, and how it is put back."""
