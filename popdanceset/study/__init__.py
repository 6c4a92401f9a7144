"""The user study: people compare two dances to one music and say which they prefer (README.md)."""
