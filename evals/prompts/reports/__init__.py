"""What a run of the prompt suite came to, for a terminal, a program, a CI, a pull request and a browser."""
