"""Forms: reading them, and from what was typed to a request of the API and back to what is wrong with it."""
